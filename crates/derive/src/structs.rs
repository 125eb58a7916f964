//! Structs with named fields.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::ext::IdentExt;
use syn::{DeriveInput, FieldsNamed, Ident, LitStr, Type};

use crate::options::{TypeOptions, aliases};

struct Part<'a> {
    member: &'a Ident,
    /// Name of the field in generated structs, apart from their own.
    held: Ident,
    name: String,
    ty: &'a Type,
    aliases: Vec<LitStr>,
}

pub(crate) fn expand(
    input: &DeriveInput,
    fields: &FieldsNamed,
    options: &TypeOptions,
) -> syn::Result<TokenStream> {
    let parts = parts(fields)?;
    let state_type = state_type(input, &parts);
    let key = options.key.then(|| state_key(input, &parts));
    let krate = &options.krate;
    Ok(quote! {
        #[allow(unreachable_pub, missing_docs, clippy::all)]
        const _: () = {
            use #krate::model as __model;
            use __model::typed as __typed;
            #state_type
            #key
        };
    })
}

fn parts(fields: &FieldsNamed) -> syn::Result<Vec<Part<'_>>> {
    let mut names = BTreeSet::new();
    let mut parts = Vec::new();
    for (position, field) in fields.named.iter().enumerate() {
        let Some(member) = &field.ident else { continue };
        let (name, aliases) = (member.unraw().to_string(), aliases(&field.attrs)?);
        if !names.insert(name.clone()) {
            return Err(syn::Error::new_spanned(member, format!("{name} is also an alias of another field")));
        }
        for alias in &aliases {
            if !names.insert(alias.value()) {
                let message = format!("{} is also the name or an alias of another field", alias.value());
                return Err(syn::Error::new_spanned(alias, message));
            }
        }
        parts.push(Part { member, held: format_ident!("field{position}"), name, ty: &field.ty, aliases });
    }
    Ok(parts)
}

fn state_type(input: &DeriveInput, parts: &[Part<'_>]) -> TokenStream {
    let name = &input.ident;
    let len = parts.len();
    let members: Vec<_> = parts.iter().map(|p| p.member).collect();
    let held: Vec<_> = parts.iter().map(|p| &p.held).collect();
    let types: Vec<_> = parts.iter().map(|p| p.ty).collect();
    let names: Vec<_> = parts.iter().map(|p| &p.name).collect();
    let positions: Vec<_> = (0..len).collect();
    let fields = parts.iter().zip(1u32..).map(|(part, id)| {
        let Part { ty, name, aliases, .. } = part;
        quote!(__typed::support::field::<#ty>(#id, #name, &[#(#aliases),*]))
    });
    quote! {
        pub struct __Columns {
            #(#held: <#types as __typed::StateType>::Builder,)*
            validity: __typed::support::Validity,
        }

        #[automatically_derived]
        impl __typed::ColumnBuilder<#name> for __Columns {
            fn with_capacity(rows: usize) -> Self {
                __Columns {
                    #(#held: <<#types as __typed::StateType>::Builder as __typed::ColumnBuilder<#types>>::with_capacity(rows),)*
                    validity: __typed::support::Validity::with_capacity(rows),
                }
            }

            fn push(&mut self, value: &#name) {
                #(__typed::ColumnBuilder::<#types>::push(&mut self.#held, &value.#members);)*
                self.validity.push(true);
            }

            fn push_null(&mut self) {
                #(__typed::ColumnBuilder::<#types>::push_null(&mut self.#held);)*
                self.validity.push(false);
            }

            fn bytes(&self) -> usize {
                0 #(+ __typed::ColumnBuilder::<#types>::bytes(&self.#held))*
            }

            fn finish(&mut self) -> __typed::support::ArrayRef {
                let columns = ::std::vec![#(__typed::ColumnBuilder::<#types>::finish(&mut self.#held)),*];
                let ty = <#name as __typed::StateType>::logical_type();
                __typed::support::finish_struct(&ty, columns, &mut self.validity)
            }
        }

        pub struct __Cells {
            #(#held: <#types as __typed::StateType>::Reader,)*
        }

        #[automatically_derived]
        impl __typed::ColumnReader<#name> for __Cells {
            fn open(column: &__typed::support::ArrayRef) -> __model::Result<Self> {
                let ty = <#name as __typed::StateType>::logical_type();
                let cells = __typed::support::StructCells::open(&ty, column)?;
                ::std::result::Result::Ok(__Cells { #(#held: cells.field::<#types>(#names)?,)* })
            }

            fn get(&self, row: usize) -> #name {
                #name { #(#members: __typed::ColumnReader::<#types>::get(&self.#held, row),)* }
            }
        }

        #[automatically_derived]
        impl __typed::StateType for #name {
            type Builder = __Columns;
            type Reader = __Cells;

            fn logical_type() -> __model::LogicalType {
                __model::LogicalType::Struct(__model::StructType { fields: ::std::vec![#(#fields),*] })
            }

            fn to_value(&self) -> __model::Value {
                __model::Value::Struct(::std::vec![#(__typed::StateType::to_value(&self.#members)),*])
            }

            fn from_value(value: &__model::Value) -> __model::Result<Self> {
                let parts = __typed::support::parts::<Self>(value, #len)?;
                ::std::result::Result::Ok(#name {
                    #(#members: <#types as __typed::StateType>::from_value(&parts[#positions])?,)*
                })
            }
        }
    }
}

fn state_key(input: &DeriveInput, parts: &[Part<'_>]) -> TokenStream {
    let name = &input.ident;
    let members: Vec<_> = parts.iter().map(|p| p.member).collect();
    let types: Vec<_> = parts.iter().map(|p| p.ty).collect();
    quote! {
        #[automatically_derived]
        impl __typed::StateKey for #name {
            const WIDTH: ::std::option::Option<usize> =
                __typed::support::width(&[#(<#types as __typed::StateKey>::WIDTH),*]);
            const HAS_JAVA_HASH: bool = true #(&& <#types as __typed::StateKey>::HAS_JAVA_HASH)*;

            fn canonical(&self, out: &mut ::std::vec::Vec<u8>) {
                out.push(__typed::support::STRUCT_START);
                #(__typed::StateKey::canonical(&self.#members, out);)*
            }

            fn canonical_cmp(&self, other: &Self) -> ::std::cmp::Ordering {
                ::std::cmp::Ordering::Equal
                    #(.then_with(|| __typed::StateKey::canonical_cmp(&self.#members, &other.#members)))*
            }

            fn java_hash(&self) -> i32 {
                __typed::support::tuple_hash(&[#(__typed::StateKey::java_hash(&self.#members)),*])
            }
        }
    }
}
