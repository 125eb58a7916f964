//! `#[derive(State)]`: makes a struct or an enum of unit variants a type of state.
//!
//! It implements `StateType` (logical type, column builder, column reader; no serde) and, with
//! `#[state(key)]`, `StateKey` (canonical bytes, Java hash as of a Flink tuple of the fields).
//!
//! | attribute | on | meaning |
//! |---|---|---|
//! | `#[state(key)]` | type | may be a key; needs `Eq` and `Hash` as well |
//! | `#[state(crate = "path")]` | type | where `model` is found, instead of `::alluvium` |
//! | `#[state(alias = "old")]` | field | an earlier name, under which old state finds the field |
//!
//! Fields get the ids 1, 2, … in the order of declaration; in stored state they are found by
//! name or alias, never by position. Symbols of an enum are the names of its variants: new ones may only
//! be appended.
//!
//! What has no form in a table is refused where it stands. Examples and tests are those of `alluvium::State`: a crate of
//! macros that depends on what it writes for would have all of it compiled once more.
#![deny(missing_docs)]

mod enums;
mod options;
mod structs;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, Fields, parse_macro_input};

use options::TypeOptions;

/// Implements `StateType`, and `StateKey` with `#[state(key)]`.
#[proc_macro_derive(State, attributes(state))]
pub fn derive_state(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    if !input.generics.params.is_empty() {
        let message = "state types cannot be generic: their logical type is part of the snapshot";
        return Err(Error::new_spanned(&input.generics, message));
    }
    let options = TypeOptions::read(&input.attrs)?;
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => structs::expand(input, fields, &options),
            Fields::Named(_) | Fields::Unit => {
                Err(Error::new_spanned(&input.ident, "a state type needs at least one field"))
            }
            Fields::Unnamed(fields) => Err(Error::new_spanned(
                fields,
                "state types need named fields, because stored fields are found by name; use a tuple for fields by position",
            )),
        },
        Data::Enum(data) => enums::expand(input, data, &options),
        Data::Union(data) => Err(Error::new_spanned(data.union_token, "a union has no form in a table")),
    }
}
