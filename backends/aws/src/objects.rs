//! Stores large values as objects of the stack's bucket. An object is written once and never changed: its key
//! determines its content.

use std::sync::Arc;

use aws_sdk_s3::{config, primitives::ByteStream};
use bytes::Bytes;

use super::{
    clients::Clients,
    endurance,
    fault::{Fault, Kind},
};
use celeriac_core::{id::ParcelId, ports::PortError, wire::MAX_BODY_BYTES};

/// The most bytes of an object: more than a parcel or a value can have. Without this limit, anyone who may write to the
/// bucket could fill a worker's memory.
const MAX_BYTES: usize = MAX_BODY_BYTES + (1 << 20);

/// The objects of a bucket.
#[derive(Clone)]
pub(super) struct Objects {
    clients: Arc<Clients>,
    bucket: Arc<str>,
}

impl Objects {
    /// The objects of the bucket in the settings, if one is set.
    pub(super) fn open(clients: &Arc<Clients>, bucket: Option<String>) -> Option<Self> {
        bucket.map(|bucket| Self { clients: Arc::clone(clients), bucket: bucket.into() })
    }

    /// The key of a parcel that is too large for a message.
    pub(super) fn parcel(parcel: ParcelId) -> String {
        format!("parcels/{parcel}")
    }

    /// Writes an object unless it exists: a key only ever has one content.
    pub(super) async fn put(&self, key: &str, bytes: Bytes) -> Result<(), PortError> {
        let timeouts = config::Builder::new().timeout_config(endurance::S3.timeouts_for(bytes.len()));
        let request = self.clients.s3().await.put_object().bucket(&*self.bucket).key(key).if_none_match("*");
        let request = request.body(ByteStream::from(bytes)).customize().config_override(timeouts);
        match request.send().await.map_err(Fault::of) {
            Ok(_) => Ok(()),
            Err(fault) if fault.code == "PreconditionFailed" => Ok(()),
            Err(fault) => Err(fault.port(self.clients.settings(), "write an object", self.place(key))),
        }
    }

    /// Reads an object.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        let request = self.clients.s3().await.get_object().bucket(&*self.bucket).key(key);
        let answer = match request.send().await.map_err(Fault::of) {
            Ok(answer) => answer,
            Err(fault) if fault.kind == Kind::Missing && fault.code == "NoSuchKey" => return Ok(None),
            Err(fault) => return Err(fault.port(self.clients.settings(), "read an object", self.place(key))),
        };
        let bytes = answer.content_length().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
        if bytes > MAX_BYTES {
            let place = self.place(key);
            let what = format!("cannot read an object: {place}: it has {bytes} bytes, at most {MAX_BYTES} are read");
            return Err(PortError::Refused { what });
        }
        let body = answer.body.collect().await.map_err(|error| PortError::Unavailable {
            what: format!("cannot read an object: {}: its bytes ended early", self.place(key)),
            source: Some(Arc::new(error)),
        })?;
        Ok(Some(body.into_bytes()))
    }

    /// Deletes an object, if it exists.
    pub(super) async fn delete(&self, key: &str) -> Result<(), PortError> {
        let request = self.clients.s3().await.delete_object().bucket(&*self.bucket).key(key);
        let deleted = request.send().await.map_err(Fault::of);
        deleted.map(drop).map_err(|fault| fault.port(self.clients.settings(), "delete an object", self.place(key)))
    }

    /// An object's location, for people.
    pub(super) fn place(&self, key: &str) -> String {
        format!("S3 bucket `{}` (CELERIAC_BUCKET), key `{key}`", self.bucket)
    }
}
