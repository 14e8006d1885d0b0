//! Classifies types by how they are written, which is all that a macro sees.

use syn::{GenericArgument, PathArguments, PathSegment, Type};

/// The role of a parameter, by its type.
pub(super) enum Role<'a> {
    /// `State<T>`.
    State(&'a Type),
    /// `State`, without its type.
    BareState,
    /// `&Context`.
    Context,
    /// `Context`, or `&mut Context`.
    OwnedContext,
    /// Anything else.
    Argument,
}

/// Recognises `State` and `Context` by the last segment of their path: a macro cannot resolve names.
pub(super) fn role(ty: &Type) -> Role<'_> {
    let (target, shared) = match ty {
        Type::Reference(reference) => (&*reference.elem, reference.mutability.is_none()),
        ty => (ty, false),
    };
    match last_segment(target) {
        Some(segment) if segment.ident == "Context" && shared => Role::Context,
        Some(segment) if segment.ident == "Context" => Role::OwnedContext,
        Some(segment) if segment.ident == "State" => first_type(segment).map_or(Role::BareState, Role::State),
        _ => Role::Argument,
    }
}

/// Whether callers may pass any type that is `Into` this type: texts and paths, where no inference is lost by it.
pub(super) fn into(ty: &Type) -> bool {
    let Some(segment) = last_segment(ty) else { return false };
    match segment.ident.to_string().as_str() {
        "String" | "PathBuf" => segment.arguments.is_none(),
        "Secret" => first_type(segment).and_then(last_segment).is_some_and(|text| text.ident == "String"),
        "Box" | "Arc" | "Cow" => first_type(segment).and_then(last_segment).is_some_and(|text| text.ident == "str"),
        _ => false,
    }
}

/// The type without the invisible group that a `macro_rules` macro puts around it.
pub(super) fn ungrouped(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => ungrouped(&group.elem),
        ty => ty,
    }
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ungrouped(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

fn first_type(segment: &PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
