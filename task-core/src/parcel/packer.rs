//! Fills parcels: takes encoded arguments one by one and returns an encoded parcel.

use bytes::Bytes;

use crate::{
    ports::Profile,
    wire::{Header, MAX_CALLS, envelope},
};

/// The limits of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    /// The most calls of a parcel, at most [`MAX_CALLS`].
    pub calls: u32,
    /// The most bytes of a message.
    pub bytes: usize,
    /// The most bytes of a message with one call; at least `bytes`.
    pub call_bytes: usize,
}

impl Packing {
    /// Room for the envelope, for a header with long names, and for the set of indexes that a child's body has in
    /// addition to its parent's.
    const HEAD_BYTES: usize = envelope::OVERHEAD + 1024 + MAX_CALLS as usize / 8;

    /// The limits for parcels of at most this many calls on a backend with this profile.
    pub fn of(profile: Profile, calls: u32) -> Self {
        Self { calls, bytes: profile.message_bytes, call_bytes: profile.call_bytes }
    }

    /// The most bytes of one call's encoded arguments.
    pub fn args_bytes(&self) -> usize {
        self.call_bytes.saturating_sub(Self::HEAD_BYTES + BODY_HEAD.len() + BIN_HEAD)
    }
}

/// `{"args": [..]}` with a 32-bit count, which is written at the end.
const BODY_HEAD: [u8; 11] = [0x81, 0xa4, b'a', b'r', b'g', b's', 0xdd, 0, 0, 0, 0];
const COUNT_AT: usize = 7;
const BIN_HEAD: usize = 5;

/// A parcel that is being filled. Its body is written in its final form.
#[derive(Debug)]
pub struct Packer {
    packing: Packing,
    body: Vec<u8>,
    count: u32,
}

impl Packer {
    /// An empty parcel.
    pub fn new(packing: Packing) -> Self {
        let packing = Packing { calls: packing.calls.clamp(1, MAX_CALLS), ..packing };
        Self { packing, body: BODY_HEAD.to_vec(), count: 0 }
    }

    /// How many calls it has.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes the body has.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Whether another call with this many bytes of arguments fits. An empty parcel takes any one call up to
    /// [`Packing::args_bytes`].
    pub fn fits(&self, args: usize) -> bool {
        if self.count == 0 {
            return args <= self.packing.args_bytes();
        }
        self.count < self.packing.calls && self.body.len() + BIN_HEAD + args + Packing::HEAD_BYTES <= self.packing.bytes
    }

    /// Adds a call. The caller has checked that it fits.
    pub fn push(&mut self, args: &[u8]) {
        let length = args.len() as u32;
        match length {
            0..=0xff => self.body.extend_from_slice(&[0xc4, length as u8]),
            0x100..=0xffff => {
                self.body.push(0xc5);
                self.body.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                self.body.push(0xc6);
                self.body.extend_from_slice(&length.to_be_bytes());
            }
        }
        self.body.extend_from_slice(args);
        self.count += 1;
    }

    /// The encoded parcel. Sets `header.count`. The packer is empty afterwards and keeps its memory.
    pub fn encode(&mut self, header: Header) -> Bytes {
        self.body[COUNT_AT..COUNT_AT + 4].copy_from_slice(&self.count.to_be_bytes());
        let header = Header { count: self.count, ..header };
        let parcel = envelope::wrap(&header.encode(), &self.body);
        self.body.truncate(BODY_HEAD.len());
        self.count = 0;
        parcel
    }
}
