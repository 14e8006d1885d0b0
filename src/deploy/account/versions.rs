//! Looks up the versions of a function, and the one that its alias names, and points the alias at another.

use celeriac_aws::RequestError;

use super::Account;
use crate::deploy::versions::ALIAS;

/// The alias of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Alias {
    /// The version that it names: a number, or `$LATEST`.
    pub(crate) version: String,
    /// Another one means that somebody has changed it meanwhile.
    pub(crate) revision: Option<String>,
}

/// A version of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) number: u64,
    /// Its description, which is the key of its zip.
    pub(crate) program: String,
}

impl Account {
    /// The alias `live` of a function; `None` if it was deployed without versions.
    pub(crate) async fn alias(&self, function: &str) -> Result<Option<Alias>, RequestError> {
        let alias = self.lambda.get_alias().function_name(function).name(ALIAS).send().await;
        match alias.map_err(RequestError::of) {
            Ok(alias) => {
                Ok(Some(Alias { version: alias.function_version.unwrap_or_default(), revision: alias.revision_id }))
            }
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All versions of a function.
    pub(crate) async fn versions(&self, function: &str) -> Result<Vec<Version>, RequestError> {
        let mut pages = self.lambda.list_versions_by_function().function_name(function).into_paginator().send();
        let mut versions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(RequestError::of)?.versions.unwrap_or_default().into_iter();
            versions.extend(page.filter_map(|one| {
                // `$LATEST` is none.
                let number = one.version?.parse().ok()?;
                Some(Version { number, program: one.description.unwrap_or_default() })
            }));
        }
        Ok(versions)
    }

    /// Points the alias `live` of a function at a version, if the alias still has this revision.
    pub(crate) async fn point(
        &self,
        function: &str,
        version: &str,
        revision: Option<String>,
    ) -> Result<(), RequestError> {
        let request = self.lambda.update_alias().function_name(function).name(ALIAS).function_version(version);
        request.set_revision_id(revision).send().await.map_err(RequestError::of)?;
        Ok(())
    }
}
