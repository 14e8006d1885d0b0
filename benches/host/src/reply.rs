//! Reads bodies of requests, and writes bodies of answers.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
};

/// A request's body; `None` if it is longer than `most` bytes or was cut short. Even a long body is read to its end,
/// since closing the connection would lose the answer.
pub(crate) async fn read(mut body: Incoming, most: usize) -> Option<Bytes> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut whole = Some(BytesMut::with_capacity(expected.min(most)));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        whole = whole.filter(|whole| whole.len() + data.len() <= most);
        if let Some(whole) = &mut whole {
            whole.extend_from_slice(&data);
        }
    }
    whole.map(BytesMut::freeze)
}

/// A body in parts, written as they are: a message of 256 KB is not copied to be answered.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    parts: VecDeque<Bytes>,
    left: u64,
}

/// An answer.
pub(crate) type Reply = Response<Parts>;

impl Parts {
    pub(crate) fn push(&mut self, part: impl Into<Bytes>) {
        let part = part.into();
        if !part.is_empty() {
            self.left += part.len() as u64;
            self.parts.push_back(part);
        }
    }
}

impl<T: Into<Bytes>> From<T> for Parts {
    fn from(part: T) -> Self {
        let mut parts = Self::default();
        parts.push(part);
        parts
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.pop_front();
        self.left -= part.as_ref().map_or(0, |part| part.len() as u64);
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// An answer with this status.
pub(crate) fn reply(status: StatusCode, body: impl Into<Parts>) -> Reply {
    let mut reply = Response::new(body.into());
    *reply.status_mut() = status;
    reply
}

/// An answer of JSON.
pub(crate) fn json(status: StatusCode, value: &impl serde::Serialize) -> Reply {
    reply(status, serde_json::to_vec(value).expect("strings and numbers are JSON"))
}
