//! Answers of the load balancer's own.
//! [The load balancer generates an HTTP error](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#load-balancer-http-error-codes)

use enishi_fabric::balancer::FixedResponse;

/// An answer that no target gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers of its own, as lines that end with CRLF.
    pub headers: Vec<u8>,
    /// The body.
    pub body: Vec<u8>,
    /// The body's media type, if there is a body.
    pub content_type: Option<String>,
    /// Whether the client's connection ends with it.
    pub close: bool,
}

impl Answer {
    /// What clients are told when something went wrong.
    pub fn error(status: u16) -> Self {
        let body = match status {
            // AWS's own codes come without a page.
            460 | 463 | 464 | 561 => Vec::new(),
            _ => page(status),
        };
        let content_type = (!body.is_empty()).then(|| "text/html".to_owned());
        let close = matches!(status, 400 | 408 | 413 | 414 | 501 | 505);
        Answer { status, headers: Vec::new(), body, content_type, close }
    }

    /// Sends a client elsewhere.
    pub fn redirect(status: u16, location: &[u8]) -> Self {
        let headers = [b"Location: ", location, b"\r\n"].concat();
        Answer { headers, ..Answer { close: false, ..Answer::error(status) } }
    }

    /// A rule's fixed answer.
    pub fn fixed(fixed: &FixedResponse) -> Self {
        let content_type = fixed.content_type.as_deref().unwrap_or("text/plain; charset=utf-8");
        Answer {
            status: fixed.status,
            headers: Vec::new(),
            body: fixed.body.as_bytes().to_vec(),
            content_type: Some(content_type.to_owned()),
            close: false,
        }
    }
}

fn page(status: u16) -> Vec<u8> {
    let title = format!("{status} {}", reason(status));
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    .into_bytes()
}

/// The reason behind a status, in the words that AWS uses.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Authorization Required",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Time-out",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        418 => "I'm a teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        561 => "Unauthorized",
        _ => "",
    }
}

/// What a Classic Load Balancer says: a reason in its own words, and no body.
/// [HTTP errors](https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/ts-elb-error-message.html)
pub fn classic_reason(status: u16) -> &'static str {
    match status {
        400 => "BAD_REQUEST",
        405 => "METHOD_NOT_ALLOWED",
        408 => "REQUEST_TIMEOUT",
        502 => "BAD_GATEWAY",
        503 => "Service Unavailable: Back-end server is at capacity",
        504 => "GATEWAY_TIMEOUT",
        status => reason(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths that clients of Application Load Balancers see.
    #[test]
    fn pages_have_awss_size() {
        let length = |status| Answer::error(status).body.len();
        assert_eq!((length(502), length(503), length(504), length(400)), (122, 162, 132, 122));
        assert_eq!(
            (Answer::redirect(301, b"/").body.len(), Answer::redirect(302, b"/").body.len()),
            (134, 110)
        );
        assert_eq!(length(463), 0);
    }
}
