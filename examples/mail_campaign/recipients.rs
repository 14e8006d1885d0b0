//! Reads recipients: a CSV file with the columns `email` and `name`, row by row, with the reason for each row that no
//! mail can be sent to. Knows nothing about mails or tasks.

use std::{
    collections::HashSet,
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use csv::{ByteRecord, Position};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    lines::Lines,
    row::{Recipient, Skipped, Why, breaks, short},
};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// The file is empty.
    #[error("{} is empty: its first line must name the columns, `email` and `name` among them", .0.display())]
    Empty(PathBuf),
    /// The first line does not name the columns that are needed.
    #[error("{} has no column {missing}: its first line names {found}; {cure}", .path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The columns that are needed and not there.
        missing: String,
        /// The columns that are there.
        found: String,
        /// What to do.
        cure: String,
    },
    /// The file is not the one that was read before.
    #[error("{} was changed while it was being read: put it back and start again", .0.display())]
    Changed(PathBuf),
}

/// The rows of a file. Of the rows read so far only a hash of each address is kept, to know repeats.
pub struct Recipients<R> {
    path: PathBuf,
    rows: csv::Reader<Lines<R>>,
    record: ByteRecord,
    email: usize,
    name: usize,
    seen: HashSet<u128>,
}

impl Recipients<BufReader<fs::File>> {
    /// Opens a file and looks for the columns.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = fs::File::open(path).map_err(|error| ReadError::Io(path.to_owned(), error))?;
        Self::new(path, BufReader::with_capacity(1 << 16, file))
    }
}

impl<R: BufRead> Recipients<R> {
    /// The rows of this content. `path` is for what people read.
    pub fn new(path: &Path, content: R) -> Result<Self, ReadError> {
        let mut rows = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(Lines::new(content));
        let mut header = ByteRecord::new();
        if !rows.read_byte_record(&mut header).map_err(|error| failed(path, error))? {
            return Err(ReadError::Empty(path.to_owned()));
        }
        let (email, name) = columns(path, &header)?;
        Ok(Self { path: path.to_owned(), rows, record: header, email, name, seen: HashSet::new() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content's fingerprint, once all rows have been read.
    pub fn fingerprint(&self) -> u128 {
        self.rows.get_ref().fingerprint()
    }

    /// Reads the next row that is not blank; `false` at the end.
    fn advance(&mut self) -> Result<bool, csv::Error> {
        loop {
            self.rows.get_mut().begin_row();
            if !self.rows.read_byte_record(&mut self.record)? {
                return Ok(false);
            }
            let blank = self.record.len() == 1 && self.record[0].trim_ascii().is_empty();
            if !blank {
                return Ok(true);
            }
        }
    }

    /// How many lines the current row takes up beyond its first.
    fn breaks(&self) -> usize {
        self.record.iter().map(breaks).sum()
    }

    fn check(&mut self) -> Result<Recipient, Why> {
        // The rows after it are lost, whatever its column, and the user should know. A quoted field may have line
        // breaks, but then its quotes are even.
        if self.breaks() > 0 && self.rows.get_ref().odd_quotes() {
            return Err(Why::OpenQuote(self.breaks() + 1));
        }
        let Recipient { email, name } = Recipient::read(self.record.get(self.email), self.record.get(self.name))?;
        // RFC 5321 lets a host distinguish `Ada` from `ada`. None does, and no one wants the mail twice.
        if !self.seen.insert(xxh3_128(email.to_lowercase().as_bytes())) {
            return Err(Why::Repeat(email));
        }
        Ok(Recipient { email, name })
    }
}

impl<R: BufRead> Iterator for Recipients<R> {
    type Item = Result<Result<Recipient, Skipped>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => {
                let line = self.rows.get_ref().line() - self.breaks() as u64;
                Some(Ok(self.check().map_err(|why| Skipped { line, why })))
            }
            Ok(false) => None,
            Err(error) => Some(Err(failed(&self.path, error))),
        }
    }
}

/// The survey of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// How many mails it asks for.
    pub recipients: u64,
    /// How many rows are skipped.
    pub skipped: u64,
    /// The content's fingerprint.
    pub fingerprint: u128,
}

/// Reads a whole file, and hands on each row that is skipped.
pub fn survey(path: &Path, mut skipped: impl FnMut(&Skipped)) -> Result<Survey, ReadError> {
    let mut rows = Recipients::open(path)?;
    let mut survey = Survey { recipients: 0, skipped: 0, fingerprint: 0 };
    for row in &mut rows {
        match row? {
            Ok(_) => survey.recipients += 1,
            Err(row) => {
                survey.skipped += 1;
                skipped(&row);
            }
        }
    }
    survey.fingerprint = rows.fingerprint();
    Ok(survey)
}

fn columns(path: &Path, header: &ByteRecord) -> Result<(usize, usize), ReadError> {
    let names: Vec<_> = header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let find = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    match (find("email"), find("name")) {
        (Some(email), Some(name)) => Ok((email, name)),
        (email, name) => {
            let missing = [("`email`", email), ("`name`", name)];
            let missing: Vec<_> = missing.iter().filter(|(_, at)| at.is_none()).map(|(column, _)| *column).collect();
            let found: Vec<_> = names.iter().map(|name| format!("`{}`", short(name))).collect();
            let cure = match names.as_slice() {
                [one] if one.contains('\0') || one.contains('\u{fffd}') => "save the file as UTF-8",
                [one] if one.contains([';', '\t']) => "separate the columns by commas",
                _ => "name the columns there, `email` and `name` among them",
            };
            Err(ReadError::NoColumn {
                path: path.to_owned(),
                missing: missing.join(" and no column "),
                found: found.join(", "),
                cure: cure.to_owned(),
            })
        }
    }
}

fn failed(path: &Path, error: csv::Error) -> ReadError {
    let line = error.position().map(Position::line);
    let cause = match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("line {}: {other:?}", line.unwrap_or(0))),
    };
    ReadError::Io(path.to_owned(), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Vec<Result<(String, String), String>> {
        let rows = Recipients::new(Path::new("people.csv"), content).unwrap();
        rows.map(|row| row.unwrap().map(|to| (to.email, to.name)).map_err(|row| row.to_string())).collect()
    }

    fn header_error(content: &[u8]) -> String {
        Recipients::new(Path::new("people.csv"), content).err().unwrap().to_string()
    }

    fn pair(email: &str, name: &str) -> (String, String) {
        (email.to_owned(), name.to_owned())
    }

    #[test]
    fn reads_what_spreadsheets_write() {
        let content = "\u{feff}id, Name ,EMAIL,city\r\n\
            1,\"Lovelace, Ada\",ada@example.org,London\r\n\
            2,Søren Ærø 🦀,soren@example.org,\r\n\
            3,\"Say \"\"Hi\"\"\", hi@example.org ,x\r\n";
        assert_eq!(
            read(content.as_bytes()),
            [
                Ok(pair("ada@example.org", "Lovelace, Ada")),
                Ok(pair("soren@example.org", "Søren Ærø 🦀")),
                Ok(pair("hi@example.org", "Say \"Hi\""))
            ]
        );
    }

    #[test]
    fn names_each_bad_row_by_its_line_and_sends_to_the_rest() {
        let content = "email,name\n\
            \n\
            ada@example.org,Ada\n\
            \n\
            ,Nobody\n\
            short\n\
            Ada@Example.ORG,Ada again\n\
            \x20 \n\
            grace@localhost,Grace\n\
            \"quoted@example.org\",\"two\nlines\"\n\
            last@example.org,Last";
        assert_eq!(
            read(content.as_bytes()),
            [
                Ok(pair("ada@example.org", "Ada")),
                Err("line 5: no address".to_owned()),
                Err("line 6: `short` is not an address: missing separator character '@'".to_owned()),
                Err("line 7: `Ada@Example.ORG` is a repeat: an earlier row has this address".to_owned()),
                Err("line 9: `grace@localhost` is not an address: too few parts in the domain".to_owned()),
                Err("line 10: the name runs over 2 lines: is a quote not closed?".to_owned()),
                Ok(pair("last@example.org", "Last")),
            ]
        );
    }

    #[test]
    fn counts_lines_the_same_with_carriage_returns() {
        let content = "email,name\r\n\r\nada@example.org,Ada\r\n\r\n\r\nbad,Bad\r\n";
        assert_eq!(
            read(content.as_bytes())[1],
            Err("line 6: `bad` is not an address: missing separator character '@'".to_owned())
        );
    }

    #[test]
    fn a_row_that_is_no_text_is_skipped_alone() {
        let rows = read(b"email,name\nada@example.org,Ad\xe9\ngrace@example.org,Grace\n");
        assert_eq!(rows[0], Err("line 2: not UTF-8: save the file as UTF-8".to_owned()));
        assert_eq!(rows[1], Ok(pair("grace@example.org", "Grace")));
    }

    #[test]
    fn a_quote_that_swallows_rows_is_named_whatever_column_it_is_in() {
        let rows =
            read(b"email,name,city\nada@example.org,Ada,\"Lon\ndon\"\na@example.org,A,\"Rome\nb@example.org,B,\nx");
        assert_eq!(rows[0], Ok(pair("ada@example.org", "Ada")), "line breaks in a closed quote are fine");
        assert_eq!(rows[1], Err("line 4: a quote is not closed: this row takes up 3 lines".to_owned()));
        let closed_by_the_next =
            read(b"email,name\na@example.org,\"A\nb@example.org,B\nc@example.org,\"Cee, C\"\nd@example.org,D\n");
        assert_eq!(closed_by_the_next[0], Err("line 2: a quote is not closed: this row takes up 3 lines".to_owned()));
        assert_eq!(closed_by_the_next[1], Ok(pair("d@example.org", "D")));
    }

    #[test]
    fn a_missing_column_is_named_with_those_found_and_the_cure() {
        assert_eq!(
            header_error(b"mail,name\n"),
            "people.csv has no column `email`: its first line names `mail`, `name`; name the columns there, `email` \
             and `name` among them"
        );
        assert_eq!(
            header_error(b"email;name\n"),
            "people.csv has no column `email` and no column `name`: its first line names `email;name`; separate the \
             columns by commas"
        );
        assert_eq!(
            header_error(b""),
            "people.csv is empty: its first line must name the columns, `email` and `name` among them"
        );
        assert!(header_error(b"\xff\xfee\0m\0a\0i\0l\0").ends_with("save the file as UTF-8"));
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let mut content = b"email,name\nada@example.org,\"Ada\n".to_vec();
        content.resize(3 << 20, b'x');
        let mut rows = Recipients::new(Path::new("people.csv"), content.as_slice()).unwrap();
        let error = rows.next().unwrap().unwrap_err();
        assert_eq!(
            format!("{:#}", anyhow::Error::from(error)),
            "cannot read people.csv: a row is longer than 1048576 bytes: is a quote not closed?"
        );
    }

    #[test]
    fn the_fingerprint_follows_the_content() {
        let print = |content: &str| {
            let mut rows = Recipients::new(Path::new("people.csv"), content.as_bytes()).unwrap();
            rows.by_ref().for_each(drop);
            rows.fingerprint()
        };
        assert_eq!(print("email,name\na@b.cd,A\n"), print("email,name\na@b.cd,A\n"));
        assert_ne!(print("email,name\na@b.cd,A\n"), print("email,name\na@b.cd,B\n"));
    }
}
