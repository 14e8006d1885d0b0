//! Replaces the bucket's objects when the feature `s3` is off: there are none, and no setting can name a bucket.

use std::sync::Arc;

use bytes::Bytes;
use celeriac_core::{id::ParcelId, ports::PortError};

use super::clients::Clients;

/// The objects of a bucket, of which there is none.
#[derive(Clone)]
pub(super) enum Objects {}

impl Objects {
    pub(super) fn open(_: &Arc<Clients>, _: Option<String>) -> Option<Self> {
        None
    }

    pub(super) fn parcel(parcel: ParcelId) -> String {
        format!("parcels/{parcel}")
    }

    #[allow(clippy::unused_async, reason = "with the feature it asks S3")]
    pub(super) async fn put(&self, _: &str, _: Bytes) -> Result<(), PortError> {
        match *self {}
    }

    #[allow(clippy::unused_async, reason = "with the feature it asks S3")]
    pub(super) async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        match *self {}
    }

    #[allow(clippy::unused_async, reason = "with the feature it asks S3")]
    pub(super) async fn delete(&self, _: &str) -> Result<(), PortError> {
        match *self {}
    }

    pub(super) fn place(&self, _: &str) -> String {
        match *self {}
    }
}
