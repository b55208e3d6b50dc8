//! Reading expressions. Nesting is bounded.

/// Expressions inside each other at most.
const NESTING: usize = 32;

/// An expression that is well formed.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub(super) root: Node,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
        let root = parser.level(0)?;
        match parser.next() {
            None => Ok(Expression { root }),
            Some(token) => Err(format!("{} is not expected", token.shown())),
        }
    }

    /// The ids that it names.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.root.collect_names(&mut names);
        names
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Number(f64),
    Text(String),
    Name(String),
    List(Vec<Node>),
    Negative(Box<Node>),
    Operation(Operator, Box<Node>, Box<Node>),
    Call(String, Vec<Node>),
}

impl Node {
    fn collect_names(&self, names: &mut Vec<String>) {
        match self {
            Node::Name(name) => names.push(name.clone()),
            Node::List(nodes) | Node::Call(_, nodes) => {
                nodes.iter().for_each(|node| node.collect_names(names))
            }
            Node::Negative(node) => node.collect_names(names),
            Node::Operation(_, left, right) => {
                left.collect_names(names);
                right.collect_names(names);
            }
            Node::Number(_) | Node::Text(_) => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// Binary operators, the loosest first. Each level associates to the left.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("OR", Operator::Or), ("||", Operator::Or)],
    &[("AND", Operator::And), ("&&", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterOrEqual),
    ],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
    &[("*", Operator::Times), ("/", Operator::Over)],
    &[("^", Operator::Power)],
];

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Token::Number(number) => number.to_string(),
            Token::Text(text) => format!("\"{text}\""),
            Token::Word(word) => word.clone(),
            Token::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Signs, the longer ones before their beginnings.
const SIGNS: [&str; 17] =
    ["==", "!=", "<=", ">=", "||", "&&", "<", ">", "+", "-", "*", "/", "^", "(", ")", "[", "]"];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ',' => {
                tokens.push(Token::Sign(","));
                1
            }
            '"' | '\'' => {
                let inside = &rest[1..];
                let end = inside.find(first).ok_or("a text has no end")?;
                tokens.push(Token::Text(inside[..end].to_owned()));
                end + 2
            }
            _ if first.is_ascii_digit() || first == '.' => {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
                let number = rest[..end].parse();
                tokens.push(Token::Number(number.map_err(|_| format!("{} is no number", &rest[..end]))?));
                end
            }
            _ if first.is_ascii_alphabetic() => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                tokens.push(Token::Word(rest[..end].to_owned()));
                end
            }
            _ => {
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
                let sign = sign.ok_or_else(|| format!("{first} is not expected"))?;
                tokens.push(Token::Sign(sign));
                sign.len()
            }
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: &str) -> bool {
        let is_there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("{sign} is expected")) }
    }

    fn operator(&mut self, level: &[(&str, Operator)]) -> Option<Operator> {
        let found = match self.peek()? {
            Token::Sign(sign) => level.iter().find(|(text, _)| text == sign),
            Token::Word(word) => level.iter().find(|(text, _)| text.eq_ignore_ascii_case(word)),
            _ => None,
        };
        let operator = found.map(|(_, operator)| *operator)?;
        self.at += 1;
        Some(operator)
    }

    fn level(&mut self, level: usize) -> Result<Node, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            let right = self.level(level + 1)?;
            left = Node::Operation(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > NESTING {
            return Err("it is nested too deeply".to_owned());
        }
        let node = match self.takes("-") {
            true => Node::Negative(Box::new(self.unary()?)),
            false => self.atom()?,
        };
        self.depth -= 1;
        Ok(node)
    }

    fn atom(&mut self) -> Result<Node, String> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Node::Number(number)),
            Some(Token::Text(text)) => Ok(Node::Text(text)),
            Some(Token::Word(word)) if self.takes("(") => {
                Ok(Node::Call(word.to_ascii_uppercase(), self.list(")")?))
            }
            // Ids begin with a lower-case letter; these two are ways of filling.
            Some(Token::Word(word)) if matches!(word.as_str(), "REPEAT" | "LINEAR") => Ok(Node::Text(word)),
            Some(Token::Word(word)) => Ok(Node::Name(word)),
            Some(Token::Sign("(")) => {
                let inner = self.level(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Sign("[")) => Ok(Node::List(self.list("]")?)),
            Some(token) => Err(format!("{} is not expected", token.shown())),
            None => Err("it ends early".to_owned()),
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Node>, String> {
        let mut items = Vec::new();
        if self.takes(end) {
            return Ok(items);
        }
        loop {
            items.push(self.level(0)?);
            if !self.takes(",") {
                self.expect(end)?;
                return Ok(items);
            }
        }
    }
}
