//! Hands out a file line by line. The CSV reader skips blank lines without counting them; so it always gets exactly the
//! lines of one row, and a row can be named by its line. Also computes the content's fingerprint.

use std::io::{self, BufRead, Read};

use xxhash_rust::xxh3::Xxh3;

/// The longest row, in bytes. A longer one is an unclosed quote, which would fill the memory.
pub const MAX_ROW_BYTES: usize = 1 << 20;

/// A file handed out line by line.
pub struct Lines<R> {
    file: R,
    fingerprint: Xxh3,
    read: u64,
    inside: bool,
    row_bytes: usize,
    row_quotes: usize,
}

impl<R: BufRead> Lines<R> {
    /// The lines of this file.
    pub fn new(file: R) -> Self {
        Self { file, fingerprint: Xxh3::new(), read: 0, inside: false, row_bytes: 0, row_quotes: 0 }
    }

    /// The number of the line that was handed out last, from 1.
    pub fn line(&self) -> u64 {
        self.read + u64::from(self.inside)
    }

    /// The content's fingerprint, once all of it has been read.
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint.digest128()
    }

    /// A row begins: it has [`MAX_ROW_BYTES`] to itself.
    pub fn begin_row(&mut self) {
        (self.row_bytes, self.row_quotes) = (0, 0);
    }

    /// Whether this row has a quote without its other half.
    pub fn odd_quotes(&self) -> bool {
        self.row_quotes % 2 == 1
    }
}

impl<R: BufRead> Read for Lines<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.row_bytes > MAX_ROW_BYTES {
            let what = format!("a row is longer than {MAX_ROW_BYTES} bytes: is a quote not closed?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let ready = self.file.fill_buf()?;
        let ready = &ready[..ready.len().min(into.len())];
        let end = ready.iter().position(|byte| *byte == b'\n');
        let part = &ready[..end.map_or(ready.len(), |at| at + 1)];
        let len = part.len();
        self.fingerprint.update(part);
        into[..len].copy_from_slice(part);
        self.file.consume(len);
        self.row_bytes += len;
        self.row_quotes += into[..len].split(|byte| *byte == b'"').count() - 1;
        self.read += u64::from(end.is_some());
        self.inside = end.is_none() && (self.inside || len > 0);
        Ok(len)
    }
}
