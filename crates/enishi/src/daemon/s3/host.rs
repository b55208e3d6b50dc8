//! Buckets in the name of the host.
//! [Virtual hosting](https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html)
//!
//! | host | bucket |
//! |---|---|
//! | an address, a name of one label (`localhost`), `enishi.internal` | that of the path |
//! | `BUCKET.localhost` | `BUCKET`, where it is known that the request is S3's |
//! | `s3.localhost`, `s3.REGION.localhost` | that of the path |
//! | `BUCKET.s3.localhost`, `BUCKET.s3.REGION.localhost` | `BUCKET` |
//! | the same with `amazonaws.com` for `localhost` | |

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// Domains below which S3 has its names.
const DOMAINS: [&str; 3] = [".amazonaws.com", ".localhost", ".localhost.localstack.cloud"];

/// Names of S3's endpoints.
const ENDPOINTS: [&str; 2] = ["s3", "dualstack"];

/// What a host's name says.
#[derive(Debug, PartialEq, Eq)]
enum Name<'a> {
    /// Nothing of S3.
    Other,
    /// An endpoint of S3, perhaps with a bucket before it.
    Endpoint(Option<&'a str>),
    /// A name below `localhost`, which is a bucket's if it is S3's.
    Below(&'a str),
}

fn parse(host: &str) -> Name<'_> {
    if host.starts_with('[') {
        return Name::Other;
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    // The longest first.
    let Some(rest) = DOMAINS.iter().rev().find_map(|domain| name.strip_suffix(domain)) else {
        return Name::Other;
    };
    let is_local = !name.ends_with(".amazonaws.com");
    // `s3`, `s3.REGION`, `s3.dualstack.REGION`: what is before that is the bucket, which may have dots.
    let labels: Vec<&str> = rest.split('.').collect();
    let tails = [3, 2, 1].into_iter().filter(|count| *count <= labels.len());
    for count in tails {
        let at = labels.len() - count;
        let is_endpoint = match labels.get(at..).unwrap_or_default() {
            [s3] | [s3, _] if *s3 == ENDPOINTS[0] => true,
            [s3, dualstack, _] => *s3 == ENDPOINTS[0] && *dualstack == ENDPOINTS[1],
            _ => false,
        };
        if is_endpoint {
            let bytes: usize = labels.iter().take(at).map(|label| label.len() + 1).sum();
            return Name::Endpoint(rest.get(..bytes.saturating_sub(1)).filter(|bucket| !bucket.is_empty()));
        }
    }
    if is_local { Name::Below(rest) } else { Name::Other }
}

/// Whether the host's name alone says that a request is S3's.
pub fn is_s3_host(host: &str) -> bool {
    matches!(parse(host), Name::Endpoint(_))
}

/// The bucket that the host's name says, of a request that is S3's.
pub fn bucket_of_host(host: &str) -> Option<&str> {
    match parse(host) {
        Name::Endpoint(bucket) => bucket,
        Name::Below(bucket) => Some(bucket),
        Name::Other => None,
    }
}

/// Tells the protocol library.
#[derive(Debug)]
pub struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let named = VirtualHost::new(host);
        Ok(match bucket_of_host(host) {
            Some(bucket) => named.with_bucket(bucket),
            None => named,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets() {
        for (host, name) in [
            ("127.0.0.1:4566", Name::Other),
            ("[::1]:4566", Name::Other),
            ("localhost:4566", Name::Other),
            ("enishi:4566", Name::Other),
            ("enishi.internal", Name::Other),
            ("ec2.us-east-1.amazonaws.com", Name::Other),
            ("s3.amazonaws.com", Name::Endpoint(None)),
            ("s3.eu-west-1.amazonaws.com", Name::Endpoint(None)),
            ("b.s3.amazonaws.com", Name::Endpoint(Some("b"))),
            ("my.b.s3.eu-west-1.amazonaws.com:443", Name::Endpoint(Some("my.b"))),
            ("b.s3.dualstack.us-east-1.amazonaws.com", Name::Endpoint(Some("b"))),
            ("s3.localhost:4566", Name::Endpoint(None)),
            ("s3.us-east-1.localhost", Name::Endpoint(None)),
            ("b.s3.localhost:4566", Name::Endpoint(Some("b"))),
            ("b.s3.us-east-1.localhost:4566", Name::Endpoint(Some("b"))),
            ("b.s3.localhost.localstack.cloud:4566", Name::Endpoint(Some("b"))),
            ("b.localhost:4566", Name::Below("b")),
            ("my.b.localhost", Name::Below("my.b")),
            ("x.elb.localhost", Name::Below("x.elb")),
        ] {
            assert_eq!(parse(host), name, "{host}");
        }
    }
}
