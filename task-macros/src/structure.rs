//! Expands `#[derive(Task)]` on a struct.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Fields};

use crate::{
    errors::Errors,
    expand::{Registration, private, private_at, variable},
    options::Options,
    wire_name::{Case, wire_name},
};

/// Expands `#[derive(Task)] item`.
pub(crate) fn task(item: TokenStream) -> TokenStream {
    let input = match syn::parse2::<DeriveInput>(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::default();
    let mut options = Options::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("task")) {
        match attribute.meta.require_list() {
            Ok(list) => options.read(list.tokens.clone(), &mut errors),
            Err(error) => errors.push(error),
        }
    }
    let task = validate(&input, &mut errors).map(|fields| emit(&input, fields, &options));
    quote!(#errors #task)
}

/// The fields of a struct that can be a task.
fn validate<'a>(input: &'a DeriveInput, errors: &mut Errors) -> Option<&'a Fields> {
    let before = errors.count();
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics,
            "a task cannot be generic, since it is found by its name when it runs: write one struct for each type",
        );
    }
    let fields = match &input.data {
        Data::Struct(data) => Some(&data.fields),
        Data::Enum(_) | Data::Union(_) => {
            errors.at(&input.ident, "a task is a struct: its fields are the arguments; an enum can be one of them");
            None
        }
    };
    fields.filter(|_| errors.count() == before)
}

fn emit(input: &DeriveInput, fields: &Fields, options: &Options) -> TokenStream {
    let pk = private();
    let DeriveInput { ident, vis, .. } = input;
    let pk_here = private_at(ident.span());
    let (read, check, accept) = match options.schedule() {
        Some(_) => (quote!(read_or_default), quote!(check_or_default), quote!(accept_or_default)),
        None => (quote!(read), quote!(check), quote!(accept)),
    };
    let (bytes, cx) = (variable("__bytes"), variable("__cx"));
    // The compiler points here if the struct has no body.
    let task = Ident::new("__task", ident.span());
    let (item, calls) = (variable("__item"), variable("__calls"));
    let case = Case::of(&input.attrs);
    let future = quote_spanned! {ident.span()=>
        #pk_here::future(async move {
            #[allow(unused_imports)]
            use #pk_here::Unjudged as _;
            #pk_here::Outcome::<true>::encode(
                #pk_here::Returned(#pk_here::Perform::perform(#task, &#cx).await).judged(),
            )
        })
    };
    let registration = Registration {
        task: ident,
        item: ident,
        options,
        is_plain: false,
        args: quote!(#ident),
        output: quote_spanned!(ident.span()=> type Output = <#ident as #pk_here::Perform>::Output;),
        names: fields.iter().filter_map(|field| wire_name(field.ident.as_ref()?, &field.attrs, case)).collect(),
        states: Vec::new(),
        check: quote_spanned!(ident.span()=> #pk_here::#check::<#ident>),
        accept: quote_spanned!(ident.span()=> #pk_here::#accept::<#ident>),
        body: quote! {
            #pk::Body::Async(|#bytes, #cx| {
                let #task = #pk::#read::<#ident>(#bytes)?;
                ::core::result::Result::Ok(#future)
            })
        },
    };
    quote! {
        const _: () = {
            #registration
            impl #pk::Takes<Self> for #ident {
                fn args(#item: Self) -> Self {
                    #item
                }
            }
            #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
            impl #ident {
                /// Sends this call. Once awaited, it is accepted durably. The same as `.apply().send()`.
                #vis fn delay(self) -> #pk::Delay<Self> {
                    #pk::Call::<Self>::new(self).send()
                }
                /// This call with its own options, sent by `.send().await`.
                #vis fn apply(self) -> #pk::Call<Self> {
                    #pk::Call::new(self)
                }
                /// Many calls, from an iterator or a `Stream`.
                #vis fn fan_out<'__a, __M>(#calls: impl #pk::Source<'__a, Self, __M>) -> #pk::FanOut<'__a, Self> {
                    #pk::FanOut::new(#calls)
                }
            }
        };
    }
}
