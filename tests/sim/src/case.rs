//! The name of a run: a seed, the cuts to its scenario, and a salt for other random bits.

use std::{fmt, str::FromStr};

use crate::cut::{Cut, NoCut};

/// The name of a run: `110766`, or `110766+3-late-r2`, which is seed 110766 without delays and without its third
/// request, with the random bits of salt 3 for hosts and network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// The seed of everything.
    pub seed: u64,
    /// Changes the random draws of hosts and network. A run with cuts draws differently anyway, so the fault may need
    /// other luck to show.
    pub salt: u64,
    /// The cuts, in this order.
    pub cuts: Vec<Cut>,
}

impl Case {
    /// The same with one more cut.
    #[must_use]
    pub(crate) fn without(&self, cut: Cut, salt: u64) -> Self {
        let mut cuts = self.cuts.clone();
        cuts.push(cut);
        Self { seed: self.seed, salt, cuts }
    }
}

impl From<u64> for Case {
    fn from(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        if self.salt > 0 {
            write!(f, "+{}", self.salt)?;
        }
        self.cuts.iter().try_for_each(|cut| write!(f, "-{cut}"))
    }
}

/// Why a text names no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCase {
    /// It does not begin with a seed.
    Seed(String),
    /// What follows `+` is no number.
    Salt(String),
    /// What follows `-` cannot be left out.
    Cut(NoCut),
}

impl FromStr for Case {
    type Err = NoCase;

    fn from_str(text: &str) -> Result<Self, NoCase> {
        let mut parts = text.split('-');
        let first = parts.next().unwrap_or_default();
        let (seed, salt) = first.split_once('+').unwrap_or((first, "0"));
        Ok(Self {
            seed: seed.parse().map_err(|_| NoCase::Seed(seed.to_owned()))?,
            salt: salt.parse().map_err(|_| NoCase::Salt(salt.to_owned()))?,
            cuts: parts.map(Cut::from_str).collect::<Result<_, _>>().map_err(NoCase::Cut)?,
        })
    }
}

impl fmt::Display for NoCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(text) => write!(f, "`{text}` is no seed: a run is named by a number, as in 110766+3-late-r2"),
            Self::Salt(text) => write!(f, "`{text}` is no salt: after `+` there is a number, as in 110766+3-late-r2"),
            Self::Cut(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoCase {}
