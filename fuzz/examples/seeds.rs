//! Writes the fuzzer's first inputs: `corpus/TARGET/seed-N`. `just fuzz` runs it.

use std::{fs, io, path::Path};

use celeriac_fuzz::targets::ALL;

fn main() -> io::Result<()> {
    for target in ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
