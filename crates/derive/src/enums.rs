//! Enums of unit variants.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{DataEnum, DeriveInput, Error, Fields};

use crate::options::{TypeOptions, none};

pub(crate) fn expand(
    input: &DeriveInput,
    data: &DataEnum,
    options: &TypeOptions,
) -> syn::Result<TokenStream> {
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&input.ident, "a state type needs at least one variant"));
    }
    for variant in &data.variants {
        none(&variant.attrs)?;
        if !matches!(variant.fields, Fields::Unit) {
            let message =
                "only enums of unit variants have a form in a table; use a struct with optional fields";
            return Err(Error::new_spanned(variant, message));
        }
    }
    let name = &input.ident;
    let variants: Vec<_> = data.variants.iter().map(|v| &v.ident).collect();
    let symbols: Vec<_> = variants.iter().map(|v| v.unraw().to_string()).collect();
    let ordinals: Vec<_> = (0..variants.len() as u32).collect();
    let key = options.key.then(|| state_key(input));
    let krate = &options.krate;
    Ok(quote! {
        #[allow(unreachable_pub, missing_docs, clippy::all)]
        const _: () = {
            use #krate::model as __model;
            use __model::typed as __typed;

            const SYMBOLS: &[&str] = &[#(#symbols),*];

            fn ordinal(value: &#name) -> u32 {
                match value {
                    #(#name::#variants => #ordinals,)*
                }
            }

            fn variant(ordinal: u32) -> ::std::option::Option<#name> {
                match ordinal {
                    #(#ordinals => ::std::option::Option::Some(#name::#variants),)*
                    _ => ::std::option::Option::None,
                }
            }

            pub struct __Columns(__typed::support::EnumColumn);

            #[automatically_derived]
            impl __typed::ColumnBuilder<#name> for __Columns {
                fn with_capacity(rows: usize) -> Self {
                    __Columns(__typed::support::EnumColumn::with_capacity(rows))
                }

                fn push(&mut self, value: &#name) {
                    self.0.push(::std::option::Option::Some(SYMBOLS[ordinal(value) as usize]));
                }

                fn push_null(&mut self) {
                    self.0.push(::std::option::Option::None);
                }

                fn finish(&mut self) -> __typed::support::ArrayRef {
                    self.0.finish()
                }
            }

            pub struct __Cells(::std::vec::Vec<u32>);

            #[automatically_derived]
            impl __typed::ColumnReader<#name> for __Cells {
                fn open(column: &__typed::support::ArrayRef) -> __model::Result<Self> {
                    __typed::support::ordinals(column, SYMBOLS).map(__Cells)
                }

                fn get(&self, row: usize) -> #name {
                    variant(self.0[row]).expect("the symbols were checked when the column was opened")
                }
            }

            #[automatically_derived]
            impl __typed::StateType for #name {
                type Builder = __Columns;
                type Reader = __Cells;

                fn logical_type() -> __model::LogicalType {
                    __typed::support::enum_type(SYMBOLS)
                }

                fn to_value(&self) -> __model::Value {
                    __model::Value::Enum(ordinal(self))
                }

                fn from_value(value: &__model::Value) -> __model::Result<Self> {
                    let found = match value {
                        __model::Value::Enum(ordinal) => variant(*ordinal),
                        _ => ::std::option::Option::None,
                    };
                    found.ok_or_else(|| __typed::support::mismatch::<Self>(value))
                }
            }

            #key
        };
    })
}

fn state_key(input: &DeriveInput) -> TokenStream {
    let name = &input.ident;
    quote! {
        #[automatically_derived]
        impl __typed::StateKey for #name {
            const WIDTH: ::std::option::Option<usize> = ::std::option::Option::Some(4);
            const HAS_JAVA_HASH: bool = false;

            fn canonical(&self, out: &mut ::std::vec::Vec<u8>) {
                out.extend_from_slice(&ordinal(self).to_be_bytes());
            }

            fn canonical_cmp(&self, other: &Self) -> ::std::cmp::Ordering {
                ordinal(self).cmp(&ordinal(other))
            }

            fn java_hash(&self) -> i32 {
                0
            }
        }
    }
}
