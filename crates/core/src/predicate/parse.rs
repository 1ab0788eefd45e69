//! The parser of predicates: recursive descent over a handful of tokens.

use super::{Literal, Node, Op, Operand, Predicate};
use crate::ids::{EntityId, IdCodec};
use crate::names::Name;

const MAX_DEPTH: usize = 64;

/// Why a predicate does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}, in the predicate {text:?}")]
pub struct PredicateError {
    /// Where, from 1, in characters.
    pub column: usize,
    /// What is wrong and what was expected.
    pub reason: String,
    /// The whole predicate.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number(f64),
    Millis(i64),
    User,
    Op(Op),
    Symbol(char),
    End,
}

struct Parser<'a> {
    text: &'a str,
    codec: &'a IdCodec,
    /// Tokens and the byte where each starts.
    tokens: Vec<(Token, usize)>,
    at: usize,
    attributes: Vec<Name>,
    depth: usize,
}

pub(super) fn parse(text: &str, codec: &IdCodec) -> Result<Predicate, PredicateError> {
    let tokens = lex(text)?;
    let mut parser = Parser { text, codec, tokens, at: 0, attributes: Vec::new(), depth: 0 };
    if *parser.peek() == Token::End {
        return Err(parser.error("is empty; write for example `not archived`"));
    }
    let root = parser.expression()?;
    if *parser.peek() != Token::End {
        return Err(parser.error("expected `and`, `or` or the end"));
    }
    Ok(Predicate { attributes: parser.attributes, root })
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.at += 1;
        }
        token
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(w) if w == word);
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: char) -> Result<(), PredicateError> {
        if *self.peek() == Token::Symbol(symbol) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(&format!("expected `{symbol}`")))
    }

    fn error(&self, reason: &str) -> PredicateError {
        error(self.text, self.tokens[self.at].1, reason)
    }

    fn expression(&mut self) -> Result<Node, PredicateError> {
        let mut node = self.term()?;
        while self.word("or") {
            node = Node::Or(Box::new(node), Box::new(self.term()?));
        }
        Ok(node)
    }

    fn term(&mut self) -> Result<Node, PredicateError> {
        let mut node = self.factor()?;
        while self.word("and") {
            node = Node::And(Box::new(node), Box::new(self.factor()?));
        }
        Ok(node)
    }

    fn factor(&mut self) -> Result<Node, PredicateError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("is nested too deeply"));
        }
        let node = if self.word("not") {
            Node::Not(Box::new(self.factor()?))
        } else if *self.peek() == Token::Symbol('(') {
            self.at += 1;
            let node = self.expression()?;
            self.symbol(')')?;
            node
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self) -> Result<Node, PredicateError> {
        let operand = self.operand()?;
        if self.word("in") {
            self.symbol('[')?;
            let mut literals = vec![self.literal(operand)?];
            while *self.peek() == Token::Symbol(',') {
                self.at += 1;
                literals.push(self.literal(operand)?);
            }
            self.symbol(']')?;
            return Ok(Node::In(operand, literals));
        }
        match (self.peek().clone(), operand) {
            (Token::Op(op), _) => {
                self.at += 1;
                Ok(Node::Compare(operand, op, self.literal(operand)?))
            }
            (_, Operand::Age(_)) => Err(self.error("an age is compared, as in `age(created) < 30d`")),
            (_, Operand::Attribute(at)) if self.word("is") => match self.word("missing") {
                true => Ok(Node::Missing(at)),
                false => Err(self.error("expected `missing`")),
            },
            (_, Operand::Attribute(_)) => Ok(Node::Compare(operand, Op::Eq, Literal::Bool(true))),
        }
    }

    fn operand(&mut self) -> Result<Operand, PredicateError> {
        let start = self.at;
        let Token::Word(word) = self.next() else {
            self.at = start;
            return Err(self.error("expected an attribute"));
        };
        if word == "age" && *self.peek() == Token::Symbol('(') {
            self.at += 1;
            let Operand::Attribute(at) = self.operand()? else {
                return Err(self.error("expected an attribute"));
            };
            self.symbol(')')?;
            return Ok(Operand::Age(at));
        }
        let name = Name::new(&word).map_err(|e| error(self.text, self.tokens[start].1, &e.to_string()))?;
        let at = self.attributes.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.attributes.push(name);
            self.attributes.len() - 1
        });
        Ok(Operand::Attribute(at))
    }

    fn literal(&mut self, operand: Operand) -> Result<Literal, PredicateError> {
        let start = self.at;
        let literal = match self.next() {
            Token::Word(word) if word == "true" => Literal::Bool(true),
            Token::Word(word) if word == "false" => Literal::Bool(false),
            Token::Number(number) => Literal::Number(number),
            Token::Millis(millis) => Literal::Millis(millis),
            Token::User => Literal::User,
            Token::Text(text) => {
                let id = self.codec.encode(&text);
                Literal::Id(EntityId(id.map_err(|e| error(self.text, self.tokens[start].1, &e.to_string()))?))
            }
            _ => {
                self.at = start;
                return Err(self.error("expected true, false, a number, a duration, a quoted word or $user"));
            }
        };
        let is_age = matches!(operand, Operand::Age(_));
        if is_age != matches!(literal, Literal::Millis(_)) {
            self.at = start;
            return Err(self.error("an age, and only an age, is compared with a duration such as 30d"));
        }
        Ok(literal)
    }
}

fn lex(text: &str) -> Result<Vec<(Token, usize)>, PredicateError> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let run =
            |from: usize, ok: fn(u8) -> bool| from + bytes[from..].iter().take_while(|b| ok(**b)).count();
        let token = match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            symbol @ (b'(' | b')' | b'[' | b']' | b',') => {
                at += 1;
                Token::Symbol(char::from(symbol))
            }
            quote @ (b'"' | b'\'') => {
                let Some(length) = bytes[at + 1..].iter().position(|b| *b == quote) else {
                    return Err(error(text, start, "the closing quote is missing"));
                };
                at += length + 2;
                Token::Text(text[start + 1..at - 1].to_owned())
            }
            b'$' => {
                at = run(at + 1, |b| b.is_ascii_alphanumeric());
                match &text[start..at] {
                    "$user" => Token::User,
                    other => return Err(error(text, start, &format!("{other} is unknown; there is $user"))),
                }
            }
            b'=' | b'!' | b'<' | b'>' => {
                at = run(at, |b| matches!(b, b'=' | b'!' | b'<' | b'>'));
                Token::Op(match &text[start..at] {
                    "==" => Op::Eq,
                    "!=" => Op::Ne,
                    "<" => Op::Lt,
                    "<=" => Op::Le,
                    ">" => Op::Gt,
                    ">=" => Op::Ge,
                    other => {
                        let reason = format!("{other} is no operator; there are == != < <= > >=");
                        return Err(error(text, start, &reason));
                    }
                })
            }
            b if b.is_ascii_digit() || b == b'-' => {
                at = run(at + 1, |b| b.is_ascii_alphanumeric() || b == b'.');
                let word = &text[start..at];
                match (word.parse::<f64>(), crate::duration::parse(word)) {
                    (Ok(number), _) if number.is_finite() => Token::Number(number),
                    (_, Ok(duration)) => {
                        Token::Millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
                    }
                    _ => {
                        let reason =
                            format!("{word} is neither a number nor a duration; quote it if it is an id");
                        return Err(error(text, start, &reason));
                    }
                }
            }
            b if b.is_ascii_alphabetic() => {
                at = run(at, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
                Token::Word(text[start..at].to_owned())
            }
            _ => return Err(error(text, start, "unexpected character")),
        };
        tokens.push((token, start));
    }
    tokens.push((Token::End, text.len()));
    Ok(tokens)
}

fn error(text: &str, byte: usize, reason: &str) -> PredicateError {
    let column = text.char_indices().take_while(|(at, _)| *at < byte).count() + 1;
    PredicateError { column, reason: reason.to_owned(), text: text.chars().take(200).collect() }
}
