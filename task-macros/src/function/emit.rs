//! Emits the expansion of `#[task]` on a function.
//!
//! The function `send_email` becomes a `static` of a hidden unit type `__task_send_email` with the methods `delay`,
//! `apply`, `fan_out` and `call`. A unit struct would not do, since it takes the type's name as well: then `mod
//! send_email; pub use send_email::send_email;` would be ambiguous. The function itself moves into an anonymous
//! constant under another name. Under its own name it would hide the static from its body, and no task could enqueue
//! itself.
//!
//! Bindings in generated code start with `__`, since a pattern with the name of a static in scope does not compile. For
//! parameters, which the user names, see [`shades`].

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, FnArg, Index, ItemFn, Pat, Type, Visibility, ext::IdentExt, parse_quote, spanned::Spanned};

use super::{
    argument::{Argument, Param},
    validate::{Function, Refused},
};
use crate::{
    expand::{Registration, private, private_at, variable},
    options::Options,
    wire_name::{Case, wire_name},
};

/// The expansion of this function.
pub(super) fn task(function: &Function, options: &Options) -> TokenStream {
    let pk = private();
    let written = &function.item;
    let names = Names::of(written);
    let (task, vis) = (&names.task, &written.vis);
    let (statics, cfgs) = (names.statics(written), cfgs(written));
    let run = names.run(written);
    let args = args(function);
    let takes = takes(function, task);
    let parameters: Vec<_> = function.arguments().map(parameter).collect();
    let converted: Vec<_> = function.arguments().map(|argument| converted(argument, None)).collect();
    let call = call(function, &names);
    let calls = variable("__calls");
    let shades = shades(function);
    let registration = registration(function, options, &names);
    quote! {
        #statics
        #(#cfgs)*
        const _: () = {
            #shades
            #run
            #args
            #takes
            // Gives an answer for types that are no `Result` too.
            #[allow(unused_imports)]
            use #pk::Plain as _;
            #registration
            #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
            impl #task {
                /// Sends one call. Once awaited, it is accepted durably. The same as `.apply(..).send()`.
                #vis fn delay(self, #(#parameters),*) -> #pk::Delay<Self> {
                    #pk::Call::<Self>::new(__Args { #(#converted),* }).send()
                }
                /// One call with its own options, sent by `.send().await`.
                #vis fn apply(self, #(#parameters),*) -> #pk::Call<Self> {
                    #pk::Call::new(__Args { #(#converted),* })
                }
                /// Many calls, from an iterator or a `Stream` of tuples of the arguments, or of bare values if there is
                /// one argument.
                #vis fn fan_out<'__a, __M>(self, #calls: impl #pk::Source<'__a, Self, __M>) -> #pk::FanOut<'__a, Self> {
                    #pk::FanOut::new(#calls)
                }
                #call
            }
        };
    }
}

/// The placeholder for a function that cannot be a task, so that the function and the rest of the crate are still
/// checked.
pub(super) fn placeholder(refused: &Refused) -> TokenStream {
    match refused {
        Refused::Method(method) => quote!(#method),
        Refused::Function(written) => {
            let names = Names::of(written);
            let (statics, run, cfgs) = (names.statics(written), names.run(written), cfgs(written));
            quote! {
                #statics
                #(#cfgs)*
                const _: () = {
                    #[allow(dead_code)]
                    #run
                };
            }
        }
    }
}

/// The names of the items that a function becomes.
struct Names {
    /// The static, with the function's name.
    item: Ident,
    /// Its type.
    task: Ident,
    /// The function.
    run: Ident,
}

impl Names {
    fn of(written: &ItemFn) -> Self {
        let item = written.sig.ident.clone();
        let bare = item.unraw();
        let task = format_ident!("__task_{bare}", span = item.span());
        let run = format_ident!("__run_{bare}", span = item.span());
        Self { item, task, run }
    }

    /// The static and its type.
    fn statics(&self, written: &ItemFn) -> TokenStream {
        let Self { item, task, .. } = self;
        let (vis, cfgs) = (&written.vis, cfgs(written));
        // At the span of the function's name, so that the compiler's `missing_docs` points there.
        let declaration = quote_spanned!(item.span()=> static #item: #task = #task;);
        let about = written.attrs.iter().filter(|attribute| is_about(attribute));
        quote! {
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(dead_code, non_camel_case_types, unreachable_pub)]
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #vis struct #task;
            #(#cfgs)*
            #(#about)*
            #[allow(dead_code, non_upper_case_globals)]
            #vis #declaration
        }
    }

    /// The function as written, under its other name.
    fn run(&self, written: &ItemFn) -> ItemFn {
        let mut run = written.clone();
        run.sig.ident = self.run.clone();
        run.vis = Visibility::Inherited;
        run.attrs.retain(|attribute| !is_about(attribute) && !attribute.path().is_ident("cfg"));
        // Silences lints about what a task cannot avoid: its arguments are owned, a value is returned in a `Result`,
        // and `async` decides where it runs even if it never waits.
        run.attrs.push(parse_quote! {
            #[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, clippy::unused_async)]
        });
        run
    }
}

/// A function for each parameter, with the parameter's name, that hides a static of that name: a parameter may have the
/// name of a function in scope, but not that of a static, and each task is one. The parameter hides the function in
/// turn. Nothing can call the function by mistake, since its argument's type has no value.
fn shades(function: &Function) -> TokenStream {
    let mut seen = HashSet::new();
    let names = function.item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(param) => match &*param.pat {
            Pat::Ident(pat) => Some(&pat.ident),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    let names = names.filter(|name| seen.insert(name.to_string()));
    quote! {
        #(
            #[allow(dead_code, non_snake_case, unreachable_pub)]
            fn #names(_: ::core::convert::Infallible) {}
        )*
    }
}

/// The arguments as a struct with a field for each. Its fields are generic: then the code that `serde` derives is right
/// for all types, and a type that cannot be sent is reported once, where the struct is used. A field with `serde`
/// attributes has its own type, which the functions named in them may expect.
fn args(function: &Function) -> TokenStream {
    let pk = private();
    let serde_path = "::celeriac::__private::serde";
    let generics: Vec<_> =
        numbered(function).filter_map(|(argument, generic)| argument.serde.is_empty().then_some(generic)).collect();
    let bound: Vec<_> = generics.iter().map(|generic| format!("{generic}: ::celeriac::__private::Data")).collect();
    let bound = bound.join(", ");
    let fields =
        numbered(function).map(
            |(Argument { name, ty, serde, .. }, generic)| {
                if serde.is_empty() { quote!(#name: #generic) } else { quote!(#(#serde)* #name: #ty) }
            },
        );
    quote! {
        #[derive(#pk::serde::Serialize, #pk::serde::Deserialize)]
        #[serde(crate = #serde_path, bound = #bound, expecting = "the arguments by name")]
        #[allow(unreachable_pub)]
        pub struct __Args<#(#generics),*> { #(#fields),* }
    }
}

/// The type of the arguments. The compiler points at all of them if one cannot be sent.
fn args_type(function: &Function) -> TokenStream {
    let types: Vec<_> = function.arguments().filter(|argument| argument.serde.is_empty()).map(|it| &it.ty).collect();
    let (Some(first), Some(last)) = (types.first(), types.last()) else { return quote!(__Args) };
    let open = quote_spanned!(first.span()=> __Args<);
    let close = quote_spanned!(last.span()=> >);
    quote!(#open #(#types),* #close)
}

/// The arguments, each with the name of the generic type of its field.
fn numbered(function: &Function) -> impl Iterator<Item = (&Argument, Ident)> {
    function.arguments().enumerate().map(|(index, argument)| (argument, format_ident!("__A{index}")))
}

/// The item type of `fan_out`: a tuple of the arguments, or the bare value if there is one.
fn takes(function: &Function, task: &Ident) -> TokenStream {
    let pk = private();
    let single = function.arguments().count() == 1;
    let item_of = variable("__item");
    let (mut generics, mut types, mut fields) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (argument, generic)) in numbered(function).enumerate() {
        let Argument { ty, into, .. } = argument;
        let place = Index::from(index);
        fields.push(converted(argument, Some(if single { quote!(#item_of) } else { quote!(#item_of.#place) })));
        if *into {
            generics.push(quote!(#generic: ::core::convert::Into<#ty>));
            types.push(quote!(#generic));
        } else {
            types.push(quote!(#ty));
        }
    }
    let item = if single { quote!(#(#types)*) } else { quote!((#(#types,)*)) };
    quote! {
        impl<#(#generics),*> #pk::Takes<#item> for #task {
            #[allow(unused_variables)]
            fn args(#item_of: #item) -> Self::Args {
                __Args { #(#fields),* }
            }
        }
    }
}

/// `call`, with the signature as written.
fn call(function: &Function, names: &Names) -> TokenStream {
    let ItemFn { sig, vis, .. } = &function.item;
    let run = &names.run;
    let (asyncness, output) = (&sig.asyncness, &sig.output);
    let wait = asyncness.map(|_| quote!(.await));
    let (mut inputs, mut passed) = (Vec::new(), Vec::new());
    for (index, input) in sig.inputs.iter().enumerate() {
        let FnArg::Typed(param) = input else { continue };
        let name = match &*param.pat {
            Pat::Ident(pat) => pat.ident.clone(),
            _ => format_ident!("__p{index}"),
        };
        let ty = &param.ty;
        inputs.push(quote!(#name: #ty));
        passed.push(name);
    }
    quote! {
        /// Runs the function here and now, as written.
        #vis #asyncness fn call(self, #(#inputs),*) #output {
            #run(#(#passed),*) #wait
        }
    }
}

fn registration<'a>(function: &'a Function, options: &'a Options, names: &'a Names) -> Registration<'a> {
    let pk = private();
    let output = &function.output;
    let outcome = outcome(output);
    let task = &names.task;
    Registration {
        task,
        item: &names.item,
        options,
        is_plain: function.item.sig.asyncness.is_none(),
        args: args_type(function),
        output: quote_spanned!(output.span()=> type Output = #outcome::Output;),
        names: function.arguments().filter_map(|it| wire_name(&it.name, &it.serde, Case::AsWritten)).collect(),
        states: function.states().collect(),
        check: quote!(#pk::check::<#task>),
        accept: quote!(#pk::accept::<#task>),
        body: body(function, names),
    }
}

/// Decodes the arguments and returns the code that runs the function.
fn body(function: &Function, names: &Names) -> TokenStream {
    let pk = private();
    let Names { run, item, task } = names;
    let (bytes, cx, args) = (variable("__bytes"), variable("__cx"), variable("__args"));
    let passed = function.params.iter().map(|param| match param {
        Param::State(ty) => quote_spanned!(ty.span()=> #cx.state::<#ty>()),
        Param::Context => quote!(&#cx),
        Param::Argument(Argument { name, .. }) => quote!(#args.#name),
    });
    let called = quote!(#run(#(#passed),*));
    let settled = function.output.span();
    let pk_settled = private_at(settled);
    // The output after `judged`, whose error may differ.
    let output = &function.output;
    let outcome = quote_spanned!(settled=> #pk_settled::Outcome::<{ #pk_settled::Shape::<#output>::IS_RESULT }>);
    let (here, pk_here) = (item.span(), private_at(item.span()));
    let (kind, ready) = if function.item.sig.asyncness.is_some() {
        let settled = quote_spanned!(settled=> #outcome::encode(#pk_settled::Returned(#called.await).judged()));
        (quote!(Async), quote_spanned!(here=> #pk_here::future(async move { #settled })))
    } else {
        let settled = quote_spanned!(settled=> #outcome::encode(#pk_settled::Returned(#called).judged()));
        (quote!(Blocking), quote_spanned!(here=> #pk_here::job(move || #settled)))
    };
    quote! {
        #pk::Body::#kind(|#bytes, #cx| {
            // Provides `judged` for a result whose error has no verdict.
            #[allow(unused_imports)]
            use #pk::Unjudged as _;
            let #args = #pk::read::<#task>(#bytes)?;
            ::core::result::Result::Ok(#ready)
        })
    }
}

/// The function's return value as an `Outcome`. The compiler decides its kind, since it resolves aliases.
fn outcome(output: &Type) -> TokenStream {
    let pk = private_at(output.span());
    quote_spanned!(output.span()=> <#output as #pk::Outcome<{ #pk::Shape::<#output>::IS_RESULT }>>)
}

/// An argument as a parameter of `delay` and `apply`.
fn parameter(argument: &Argument) -> TokenStream {
    let Argument { name, ty, into, .. } = argument;
    if *into { quote!(#name: impl ::core::convert::Into<#ty>) } else { quote!(#name: #ty) }
}

/// An argument as a field of `__Args { .. }`, from `value`, or from a parameter of its name.
fn converted(argument: &Argument, value: Option<TokenStream>) -> TokenStream {
    let Argument { name, into, .. } = argument;
    match (value, *into) {
        (Some(value), true) => quote!(#name: ::core::convert::Into::into(#value)),
        (None, true) => quote!(#name: ::core::convert::Into::into(#name)),
        (Some(value), false) => quote!(#name: #value),
        (None, false) => quote!(#name),
    }
}

fn cfgs(written: &ItemFn) -> Vec<&Attribute> {
    written.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
}

/// Whether an attribute is about the task as others see it, and not about the function.
fn is_about(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc") || attribute.path().is_ident("deprecated")
}
