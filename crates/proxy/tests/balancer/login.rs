//! Logins with an identity provider that is asked over the network.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use enishi_fabric::balancer::{Authenticate, OidcClient, OnUnauthenticated};
use enishi_proxy::balancer::counters::Metric;
use serde_json::json;

use crate::harness::{Fixture, Server, group};

/// A provider that knows one code.
fn provider() -> Server {
    Server::answering(|request| {
        let claims = json!({ "iss": "https://idp.example", "aud": "client", "exp": u32::MAX, "sub": "42" });
        let id_token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let (status, body) =
            if request.starts_with("POST /token HTTP/1.1\r\n") && request.contains("&code=right&") {
                ("200 OK", json!({ "access_token": "at", "id_token": id_token }))
            } else if request.starts_with("GET /info HTTP/1.1\r\n")
                && request.contains("Authorization: Bearer at\r\n")
            {
                ("200 OK", json!({ "sub": "42", "email": "a@b.example" }))
            } else {
                ("400 Bad Request", json!({ "error": "invalid_grant" }))
            };
        let body = body.to_string();
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    })
}

fn guarded(server: &Server, provider: SocketAddrV4) -> Fixture {
    Fixture::new(vec![group(&[server])], |balancer, port| {
        let listener = Arc::make_mut(balancer.listeners.get_mut(&port).expect("a listener"));
        let config = Authenticate {
            client: OidcClient {
                issuer: "https://idp.example".into(),
                authorization_endpoint: "https://idp.example/authorize".into(),
                token_endpoint: format!("http://{provider}/token").into(),
                user_info_endpoint: format!("http://{provider}/info").into(),
                client_id: "client".into(),
                client_secret: "secret".into(),
            },
            cookie: "AWSELBAuthSessionCookie".into(),
            scope: "openid".into(),
            session_seconds: 3600,
            extra: BTreeMap::new(),
            otherwise: OnUnauthenticated::Authenticate,
        };
        Arc::make_mut(&mut listener.rules[0]).authenticate = Some(Arc::new(config));
    })
}

fn header<'a>(response: &'a str, name: &str) -> &'a str {
    response.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).expect("a header")
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: app.example\r\nX-Amzn-Oidc-Identity: forged\r\n{headers}\r\n")
}

#[test]
fn a_user_logs_in_and_is_known_to_the_target() {
    let (server, provider) = (Server::echo(), provider());
    let fixture = guarded(&server, provider.address);
    let away = fixture.ask(&get("/a", ""));
    assert!(away.starts_with("HTTP/1.1 302 Found\r\n"), "{away}");
    let state = header(&away, "Location").split("&state=").nth(1).expect("a state").to_owned();

    let wrong = fixture.ask(&get(&format!("/oauth2/idpresponse?code=wrong&state={state}"), ""));
    assert!(wrong.starts_with("HTTP/1.1 561 "), "{wrong}");
    let forged = fixture.ask(&get("/oauth2/idpresponse?code=right&state=forged", ""));
    assert!(forged.starts_with("HTTP/1.1 401 "), "{forged}");
    let back = fixture.ask(&get(&format!("/oauth2/idpresponse?code=right&state={state}"), ""));
    assert!(back.starts_with("HTTP/1.1 302 Found\r\n"), "{back}");
    assert_eq!(header(&back, "Location"), "https://app.example/a");
    let cookie = header(&back, "Set-Cookie").split(';').next().expect("a cookie");

    let seen = fixture.ask(&get("/a", &format!("Cookie: {cookie}\r\n")));
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    assert!(seen.contains("x-amzn-oidc-accesstoken: at\r\nx-amzn-oidc-identity: 42\r\n"), "{seen}");
    assert!(!seen.contains("forged"), "{seen}");
    let lines = fixture.lines.wait(5);
    assert!(lines[1].contains(" \"AuthInvalidGrantError\" "), "{}", lines[1]);
    assert!(lines[2].contains(" \"AuthInvalidStateParam\" "), "{}", lines[2]);
    assert!(lines[4].contains(" \"authenticate,forward\" "), "{}", lines[4]);
    assert_eq!(fixture.node().counters().get(Metric::ElbAuthSuccess), 1);
}

/// "The load balancer is unable to communicate with the IdP token endpoint": 401.
#[test]
fn a_provider_that_is_not_there_lets_nobody_in() {
    let server = Server::echo();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let Ok(std::net::SocketAddr::V4(closed)) = closed else { panic!("IPv4") };
    let fixture = guarded(&server, closed);
    let away = fixture.ask(&get("/a", ""));
    let state = header(&away, "Location").split("&state=").nth(1).expect("a state").to_owned();
    let back = fixture.ask(&get(&format!("/oauth2/idpresponse?code=right&state={state}"), ""));
    assert!(back.starts_with("HTTP/1.1 401 "), "{back}");
    assert_eq!(fixture.node().counters().get(Metric::ElbAuthError), 1);
}
