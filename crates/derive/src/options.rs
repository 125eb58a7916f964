//! The `#[state(…)]` attributes.

use syn::{Attribute, LitStr, Path, parse_quote};

/// Attributes of a type.
pub(crate) struct TypeOptions {
    /// Where `model` is found.
    pub(crate) krate: Path,
    /// Whether the type may be a key.
    pub(crate) key: bool,
}

impl TypeOptions {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut options = TypeOptions { krate: parse_quote!(::alluvium), key: false };
        for attribute in attributes.iter().filter(|a| a.path().is_ident("state")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("key") {
                    options.key = true;
                } else if meta.path.is_ident("crate") {
                    options.krate = meta.value()?.parse::<LitStr>()?.parse()?;
                } else {
                    return Err(meta.error("expected `key` or `crate = \"path\"`"));
                }
                Ok(())
            })?;
        }
        Ok(options)
    }
}

/// Reads the earlier names of a field.
pub(crate) fn aliases(attributes: &[Attribute]) -> syn::Result<Vec<LitStr>> {
    let mut aliases = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("state")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("alias") {
                return Err(meta.error("expected `alias = \"earlier name\"`"));
            }
            aliases.push(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(aliases)
}

/// Refuses attributes where none is known.
pub(crate) fn none(attributes: &[Attribute]) -> syn::Result<()> {
    match attributes.iter().find(|a| a.path().is_ident("state")) {
        Some(attribute) => Err(syn::Error::new_spanned(attribute, "no attribute is known here")),
        None => Ok(()),
    }
}
