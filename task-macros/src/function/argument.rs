//! The parameters of a task function.

use quote::ToTokens;
use syn::{Attribute, Ident, Pat, PatType, Type};

use super::types::{self, Role};
use crate::{errors::Errors, owned::owned};

/// A parameter of a task function.
pub(super) enum Param {
    /// Provided at start-up.
    State(Type),
    /// `&Context`.
    Context,
    /// Sent with the call.
    Argument(Argument),
}

/// A parameter that is sent with a call.
pub(super) struct Argument {
    /// Its name, in the function and on the wire.
    pub(super) name: Ident,
    pub(super) ty: Type,
    /// Whether callers may pass any type that is `Into` its type.
    pub(super) into: bool,
    /// Its `#[serde(..)]`.
    pub(super) serde: Vec<Attribute>,
}

impl Param {
    /// Reads a parameter, and removes its attributes that only the macro understands.
    pub(super) fn read(param: &mut PatType, errors: &mut Errors) -> Option<Self> {
        let attributes = std::mem::take(&mut param.attrs);
        let (serde, others) = attributes.into_iter().partition(|attribute| attribute.path().is_ident("serde"));
        param.attrs = others;
        let ty = types::ungrouped(&param.ty);
        match types::role(ty) {
            Role::State(state) => Some(Self::State(state.clone())),
            Role::Context => Some(Self::Context),
            Role::BareState => {
                errors.at(ty, "write `State<T>` with the type that `app.state(..)` provides (any type whose name is `State` is taken for celeriac's)");
                None
            }
            Role::OwnedContext => {
                errors.at(ty, "write `&Context` (any type whose name is `Context` is taken for celeriac's)");
                None
            }
            Role::Argument => Argument::read(param, serde, errors).map(Self::Argument),
        }
    }
}

impl Argument {
    fn read(param: &PatType, serde: Vec<Attribute>, errors: &mut Errors) -> Option<Self> {
        let ty = types::ungrouped(&param.ty);
        let before = errors.count();
        if let Some(cfg) = param.attrs.iter().find(|attribute| attribute.path().is_ident("cfg")) {
            errors.at(cfg, "an argument cannot be left out by `#[cfg]`, since another program may send it: make it an `Option`, or write two tasks");
        }
        if let Type::ImplTrait(_) = ty {
            errors.at(
                ty,
                "an argument needs a type with a name: it is stored, and read back as that type when the task runs",
            );
        } else if let Some(owned) = owned(ty.to_token_stream()) {
            errors.at(ty, format!("an argument is stored until the task runs, so it must be owned: write `{owned}`"));
        }
        let name = match &*param.pat {
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => Some(pat.ident.clone()),
            pat => {
                errors.at(
                    pat,
                    "an argument needs a plain name, which is its name in queued calls: take it apart in the body",
                );
                None
            }
        };
        if errors.count() > before {
            return None;
        }
        Some(Self { name: name?, ty: ty.clone(), into: types::into(ty), serde })
    }
}
