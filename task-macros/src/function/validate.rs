//! Checks whether a function can be a task.

use quote::ToTokens;
use syn::{FnArg, ItemFn, PatType, Receiver, ReturnType, Safety, Signature, Type, parse_quote};

use super::{
    argument::{Argument, Param},
    types,
};
use crate::{errors::Errors, options::Options, owned::owned};

/// A function that can be a task.
pub(crate) struct Function {
    /// The function as written, without attributes that only the macro understands.
    pub(super) item: ItemFn,
    pub(super) params: Vec<Param>,
    pub(super) output: Type,
}

/// A function that cannot be a task.
pub(super) enum Refused {
    /// One with `self`: nothing can be emitted beside it.
    Method(ItemFn),
    /// Any other.
    Function(ItemFn),
}

impl Function {
    /// Checks everything and reports all errors.
    pub(super) fn validate(mut item: ItemFn, options: &Options, errors: &mut Errors) -> Result<Self, Box<Refused>> {
        let before = errors.count();
        qualifiers(&item.sig, errors);
        let output = output(&item.sig, errors);
        if let Some(receiver) = item.sig.receiver() {
            method(receiver, errors);
            typed(&mut item.sig).for_each(|param| drop(Param::read(param, errors)));
            return Err(Box::new(Refused::Method(item)));
        }
        let params: Vec<_> = typed(&mut item.sig).filter_map(|param| Param::read(param, errors)).collect();
        let function = Self { item, params, output };
        function.scheduled(options, errors);
        if errors.count() > before { Err(Box::new(Refused::Function(function.item))) } else { Ok(function) }
    }

    /// The parameters that are sent with a call.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &Argument> {
        self.params.iter().filter_map(|param| match param {
            Param::Argument(argument) => Some(argument),
            Param::State(_) | Param::Context => None,
        })
    }

    /// The types of the parameters that are provided at start-up.
    pub(super) fn states(&self) -> impl Iterator<Item = &Type> {
        self.params.iter().filter_map(|param| match param {
            Param::State(ty) => Some(ty),
            Param::Argument(_) | Param::Context => None,
        })
    }

    fn scheduled(&self, options: &Options, errors: &mut Errors) {
        if options.schedule().is_none() {
            return;
        }
        for argument in self.arguments() {
            errors.at(
                &argument.name,
                "a scheduled task takes no arguments, since no caller passes them: remove them, or ask for values \
                 that all runs share as `State<T>`",
            );
        }
    }
}

fn qualifiers(signature: &Signature, errors: &mut Errors) {
    if !signature.generics.params.is_empty() {
        errors.at(
            &signature.generics,
            "a task cannot be generic, since it is found by its name when it runs: write one task for each type, \
             each calling your generic function",
        );
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        errors.at(unsafety, "a task cannot be unsafe: its caller is a queue and can promise nothing");
    }
    if let Some(abi) = &signature.abi {
        errors.at(abi, "a task cannot have an ABI: it is called from Rust");
    }
    if let Some(constness) = &signature.constness {
        errors.at(constness, "a task cannot be const: it runs in a worker");
    }
    if let Some(variadic) = &signature.variadic {
        errors.at(variadic, "a task cannot be variadic: each argument has a name in queued calls");
    }
}

fn output(signature: &Signature, errors: &mut Errors) -> Type {
    match &signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => {
            if let Type::ImplTrait(_) = **ty {
                errors
                    .at(ty, "a task returns a type with a name, or a `Result` of one: a caller reads the result back");
            } else if let Type::Reference(borrowed) = types::ungrouped(ty)
                && let Some(owned) = owned(borrowed.to_token_stream())
            {
                errors.at(
                    ty,
                    format!("a result is stored until a caller reads it, so it must be owned: write `{owned}`"),
                );
            }
            (**ty).clone()
        }
    }
}

fn method(receiver: &Receiver, errors: &mut Errors) {
    errors.at(
        receiver.self_token.to_token_stream(),
        "a task takes no `self`: write #[derive(Task)] on the struct, and `impl Perform` for it",
    );
}

fn typed(signature: &mut Signature) -> impl Iterator<Item = &mut PatType> {
    signature.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(param) => Some(param),
        FnArg::Receiver(_) => None,
    })
}
