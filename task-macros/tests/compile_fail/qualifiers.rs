use celeriac::task;

#[task]
unsafe fn poke(address: u64) {
    let _ = address;
}

#[task]
extern "C" fn callback(code: i32) {
    let _ = code;
}

#[task]
const fn square(n: u32) {
    let _ = n * n;
}

fn main() {}
