//! Response codes.

use std::fmt;

/// A response code of RFC 1035, section 4.1.1, or RFC 6891, section 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rcode {
    /// `NOERROR`.
    NoError,
    /// `FORMERR`: the query cannot be read.
    FormatError,
    /// `SERVFAIL`: no answer could be made.
    ServerFailure,
    /// `NXDOMAIN`: the name does not exist.
    NameError,
    /// `NOTIMP`: a kind of query that is not served.
    NotImplemented,
    /// `REFUSED`: not for this server to answer.
    Refused,
    /// `BADVERS`: an EDNS version other than 0.
    BadVersion,
}

impl Rcode {
    /// The number; above 15 its high bits go into `OPT`.
    pub fn number(self) -> u16 {
        match self {
            Rcode::NoError => 0,
            Rcode::FormatError => 1,
            Rcode::ServerFailure => 2,
            Rcode::NameError => 3,
            Rcode::NotImplemented => 4,
            Rcode::Refused => 5,
            Rcode::BadVersion => 16,
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rcode::NoError => "NOERROR",
            Rcode::FormatError => "FORMERR",
            Rcode::ServerFailure => "SERVFAIL",
            Rcode::NameError => "NXDOMAIN",
            Rcode::NotImplemented => "NOTIMP",
            Rcode::Refused => "REFUSED",
            Rcode::BadVersion => "BADVERS",
        })
    }
}
