//! Proposes an owned type in place of a borrowed one.
//!
//! It reads tokens and not types: a borrow may be anywhere in a type, and the proposal is a text for a person.

use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree, token_stream::IntoIter};

/// The owned type to write instead of `ty`, if any part of `ty` is borrowed for less than `'static`, or is a borrowed
/// text that cannot be read back: `Vec<&str>` gives `Vec<String>`.
pub(crate) fn owned(ty: TokenStream) -> Option<String> {
    let mut text = Text::default();
    text.type_tokens(ty);
    text.borrowed.then_some(text.written)
}

type Tokens = Peekable<IntoIter>;

#[derive(Default)]
struct Text {
    written: String,
    borrowed: bool,
}

impl Text {
    fn type_tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '&' => {
                    self.borrowed = true;
                    self.target(&mut tokens);
                }
                // A lifetime is a `'` and an identifier.
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    self.borrowed |= !matches!(tokens.next(), Some(TokenTree::Ident(ident)) if ident == "static");
                    self.written.push_str("'static");
                }
                TokenTree::Ident(ident) if ident == "Cow" => {
                    self.written.push_str("Cow");
                    if tokens.next_if(|token| is(token, '<')).is_some() {
                        self.written.push('<');
                        if tokens.peek().is_some_and(|token| !is(token, '\'')) {
                            self.borrowed = true;
                            self.written.push_str("'static, ");
                        }
                    }
                }
                token => self.token(token),
            }
        }
    }

    /// The owned form of a `&`'s target: a path up to its last segment, or a slice.
    fn target(&mut self, tokens: &mut Tokens) {
        if tokens.next_if(|token| is(token, '\'')).is_some() {
            tokens.next();
        }
        tokens.next_if(|token| matches!(token, TokenTree::Ident(ident) if ident == "mut"));
        if let Some(TokenTree::Group(slice)) = tokens.next_if(is_slice) {
            self.written.push_str("Vec<");
            self.type_tokens(slice.stream());
            self.written.push('>');
        }
        while let Some(token) = tokens.next_if(|token| is(token, ':') || matches!(token, TokenTree::Ident(_))) {
            match token.to_string().as_str() {
                "str" => self.written.push_str("String"),
                "Path" => self.written.push_str("PathBuf"),
                _ => self.token(token),
            }
        }
    }

    fn token(&mut self, token: TokenTree) {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                self.written.push_str(open);
                self.type_tokens(group.stream());
                self.written.push_str(close);
            }
            TokenTree::Punct(punct) => {
                self.written.push(punct.as_char());
                if matches!(punct.as_char(), ',' | ';') {
                    self.written.push(' ');
                }
            }
            token => {
                if self.written.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    self.written.push(' ');
                }
                self.written.push_str(&token.to_string());
            }
        }
    }
}

fn is(token: &TokenTree, punct: char) -> bool {
    matches!(token, TokenTree::Punct(found) if found.as_char() == punct)
}

fn is_slice(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    group.delimiter() == Delimiter::Bracket && !group.stream().into_iter().any(|token| is(&token, ';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(ty: &str) -> Option<String> {
        owned(ty.parse().unwrap())
    }

    #[test]
    fn proposes_the_owned_type() {
        for (borrowed, wanted) in [
            ("&str", "String"),
            ("&'a mut str", "String"),
            ("&Path", "PathBuf"),
            ("&std::path::Path", "std::path::PathBuf"),
            ("&[u8]", "Vec<u8>"),
            ("&[&str]", "Vec<String>"),
            ("&[u8; 4]", "[u8; 4]"),
            ("Option<&str>", "Option<String>"),
            ("Vec<(u32, &str)>", "Vec<(u32, String)>"),
            ("Cow<str>", "Cow<'static, str>"),
            ("Cow<'_, str>", "Cow<'static, str>"),
            ("&Address", "Address"),
            ("&'static str", "String"),
        ] {
            assert_eq!(proposed(borrowed).as_deref(), Some(wanted), "{borrowed}");
        }
    }

    #[test]
    fn leaves_what_is_owned() {
        for ty in ["String", "Vec<u8>", "Cow<'static, str>", "HashMap<String, [u8; 4]>", "mail::Address"] {
            assert_eq!(proposed(ty), None, "{ty}");
        }
    }
}
