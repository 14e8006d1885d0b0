//! How do you get a recipients file to try `mail_campaign` with?
//!
//! `cargo run --release --example recipients -- --rows 10000 --seed 7 --out recipients.csv`
//!
//! writes a file as spreadsheets do, with a byte order mark, and with one row in a hundred messy: quoted commas,
//! names from all over the world, blank lines, and addresses that are missing, invalid or repeated. The same rows
//! and seed give the same file.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Parser;
use rand::{RngExt as _, SeedableRng, rngs::StdRng, seq::IndexedRandom as _};

const FIRST: &[&str] = &["Ada", "Alan", "Barbara", "Dennis", "Edsger", "Frances", "Grace", "Ken", "Leslie", "Margaret"];
const LAST: &[&str] = &["Allen", "Dijkstra", "Hamilton", "Hopper", "Lamport", "Liskov", "Lovelace", "Turing"];
const CITIES: &[&str] = &["London", "Paris", "Vienna", "Rome", "Oslo", "Prague"];
const WORLD: &[&str] = &["Søren Ærø", "Łucja Żółć", "Zoë Đặng", "山田 花子", "محمد علي", "Владимир", "👩🏽‍🚀 Mae"];
const INVALID: &[&str] =
    &["ada", "ada@", "@example.org", "ada@example", "ada lovelace@example.org", "ada@@example.org"];

/// Writes a CSV file of recipients for the `mail_campaign` example.
#[derive(Parser)]
struct Options {
    /// How many rows; blank lines are no rows.
    #[arg(long, default_value_t = 10_000)]
    rows: u64,
    /// Another seed, another file.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where to write it.
    #[arg(long, default_value = "recipients.csv")]
    out: PathBuf,
    /// Also writes the addresses that a campaign should send to, one a line.
    #[arg(long, value_name = "FILE")]
    valid: Option<PathBuf>,
}

/// What is wrong, or just unusual, with a row.
#[derive(Clone, Copy)]
enum Mess {
    QuotedComma,
    World,
    BlankLineBefore,
    Missing,
    Invalid,
    Repeat,
}

const MESSES: &[Mess] =
    &[Mess::QuotedComma, Mess::World, Mess::BlankLineBefore, Mess::Missing, Mess::Invalid, Mess::Repeat];

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut out = create(&options.out)?;
    let mut valid: Box<dyn Write> = match &options.valid {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::sink()),
    };
    let wrote = write(&options, &mut out, &mut valid).and_then(|()| out.flush()).and_then(|()| valid.flush());
    wrote.with_context(|| format!("cannot write {}", options.out.display()))
}

fn create(path: &PathBuf) -> anyhow::Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path).with_context(|| format!("cannot create {}", path.display()))?))
}

fn write(options: &Options, out: &mut impl Write, valid: &mut impl Write) -> io::Result<()> {
    let mut rng = StdRng::seed_from_u64(options.seed);
    let mut messes = MESSES.iter().cycle();
    let (mut earlier, mut messy) = (String::new(), 0);
    out.write_all("\u{feff}id,email,name,city\n".as_bytes())?;
    for id in 1..=options.rows {
        // One row of each hundred; not its first, so that there is one to repeat.
        if id % 100 == 1 {
            messy = id + rng.random_range(1..100);
        }
        let mess = if id == messy { messes.next().copied() } else { None };
        let first = pick(&mut rng, FIRST);
        let last = pick(&mut rng, LAST);
        let mut email = format!("{}.{}.{id}@example.org", first.to_lowercase(), last.to_lowercase());
        let mut name = format!("{first} {last}");
        match mess {
            None => {}
            Some(Mess::QuotedComma) => name = format!("{last}, {first} \"the first\""),
            Some(Mess::World) => pick(&mut rng, WORLD).clone_into(&mut name),
            Some(Mess::BlankLineBefore) => out.write_all(b"\n")?,
            Some(Mess::Missing) => email.clear(),
            Some(Mess::Invalid) => pick(&mut rng, INVALID).clone_into(&mut email),
            Some(Mess::Repeat) => email = earlier.replace("example.org", "Example.ORG"),
        }
        if !matches!(mess, Some(Mess::Missing | Mess::Invalid | Mess::Repeat)) {
            writeln!(valid, "{email}")?;
            if rng.random_ratio(1, 10) || earlier.is_empty() {
                earlier.clone_from(&email);
            }
        }
        let mut row = csv::Writer::from_writer(&mut *out);
        row.write_record([&id.to_string(), &email, &name, pick(&mut rng, CITIES)])?;
        row.flush()?;
    }
    Ok(())
}

fn pick<'a>(rng: &mut StdRng, from: &[&'a str]) -> &'a str {
    from.choose(rng).copied().unwrap_or_default()
}
