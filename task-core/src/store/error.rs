//! Why a store cannot be opened.

use std::sync::Arc;

use super::{STORE_VARIABLE, StoreUrl, opener::schemes};
use crate::ports::BoxError;

/// Why a store cannot be opened. Each message includes the cure.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store's name is no URL.
    #[error("{why}")]
    Url {
        /// What was found, and what to write.
        why: String,
    },
    /// This program has no backend for the scheme.
    #[error("store `{url}`: {why}")]
    Scheme {
        /// The URL.
        url: StoreUrl,
        /// The available backends, and how to get the missing one.
        why: String,
    },
    /// No store is named, and no backend of this program has a default.
    #[error("no store is named: {why}")]
    None {
        /// How to name one.
        why: String,
    },
    /// The backend cannot open it.
    #[error("store `{url}` cannot be opened: {source}")]
    Open {
        /// The URL.
        url: StoreUrl,
        /// Why.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

/// The schemes of the backends that come with Celeriac, with the features that build them.
const FEATURES: &[(&str, &str)] = &[("sqlite", "embedded"), ("aws", "aws"), ("memory", "memory")];

impl StoreError {
    pub(super) fn no_url(text: &str) -> Self {
        let why = if text.is_empty() {
            "the name of the store is empty: a store is named by a URL such as `sqlite:celeriac.db`".to_owned()
        } else {
            format!("store `{text}`: a store is named by a URL; for a file write `sqlite:{text}`")
        };
        Self::Url { why }
    }

    pub(super) fn no_backend(url: &StoreUrl) -> Self {
        let known: Vec<String> = schemes().map(|opener| format!("`{}`", opener.example)).collect();
        let known =
            if known.is_empty() { "no backend".to_owned() } else { format!("only backends for {}", known.join(", ")) };
        let cure = FEATURES.iter().find(|(scheme, _)| *scheme == url.scheme()).map_or_else(
            || "link the crate of that backend".to_owned(),
            |(_, feature)| format!("build Celeriac with the feature `{feature}`"),
        );
        Self::Scheme { url: url.clone(), why: format!("this program has {known}; for `{}:` {cure}", url.scheme()) }
    }

    pub(super) fn none() -> Self {
        let known: Vec<String> = schemes().map(|opener| format!("`{}`", opener.example)).collect();
        let why = if known.is_empty() {
            "this program has no backend: build Celeriac with the feature `embedded` or `aws`, or give it ports"
                .to_owned()
        } else {
            format!("set {STORE_VARIABLE} to one such as {}", known.join(" or "))
        };
        Self::None { why }
    }

    pub(super) fn open(url: &StoreUrl, source: BoxError) -> Self {
        Self::Open { url: url.clone(), source: source.into() }
    }
}
