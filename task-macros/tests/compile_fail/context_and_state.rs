use celeriac::{Context, State, task};

#[task]
async fn by_value(cx: Context) {
    drop(cx);
}

#[task]
async fn by_mutable_reference(cx: &mut Context) {
    drop(cx);
}

#[task]
async fn of_what(state: State) {
    drop(state);
}

fn main() {}
