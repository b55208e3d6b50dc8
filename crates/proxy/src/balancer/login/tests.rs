//! Logins from the first request to the session.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::engine::general_purpose::URL_SAFE;
use enishi_fabric::balancer::OidcClient;
use serde_json::{Value, json};

use super::super::http1::RequestParser;
use super::*;

const NOW: u64 = 1_700_000_000;

fn login(otherwise: OnUnauthenticated) -> Login {
    let config = Authenticate {
        client: OidcClient {
            issuer: "https://idp.example".into(),
            authorization_endpoint: "https://idp.example/authorize".into(),
            token_endpoint: "https://idp.example/token".into(),
            user_info_endpoint: "https://idp.example/userinfo".into(),
            client_id: "client".into(),
            client_secret: "s&cret".into(),
        },
        cookie: "AWSELBAuthSessionCookie".into(),
        scope: "openid email".into(),
        session_seconds: 3600,
        extra: BTreeMap::from([("prompt".into(), "login".into())]),
        otherwise,
    };
    Login::new(&Arc::new(config), &[5; 32])
}

fn with_request<T>(target: &str, headers: &str, look: impl FnOnce(&Request<'_>) -> T) -> T {
    let bytes = format!("GET {target} HTTP/1.1\r\nHost: app.example\r\n{headers}\r\n").into_bytes();
    let mut parser = RequestParser::default();
    assert_eq!(parser.advance(&bytes), Ok(true));
    look(&Request { bytes: &bytes, head: parser.head() })
}

fn location(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.headers).into_owned();
    text.lines().find_map(|line| line.strip_prefix("Location: ").map(str::to_owned)).expect("a location")
}

/// The state that a client is sent to the provider with.
fn state_of(login: &Login, target: &str) -> String {
    let gate = with_request(target, "", |request| login.gate(request, None, NOW, [1; NONCE_LEN]));
    let Gate::Answer(answer) = gate else { panic!("not sent away") };
    let location = location(&answer);
    location.split("&state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state").to_owned()
}

#[test]
fn strangers_are_sent_to_the_provider() {
    let login = login(OnUnauthenticated::Authenticate);
    let gate = with_request("/a?b=c", "", |request| login.gate(request, None, NOW, [1; NONCE_LEN]));
    let Gate::Answer(answer) = gate else { panic!("let in") };
    assert_eq!(answer.status, 302);
    assert!(
        location(&answer).starts_with(
            "https://idp.example/authorize?client_id=client&redirect_uri=https%3A%2F%2Fapp.example%2Foauth2%2Fidpresponse\
             &response_type=code&scope=openid%20email&state="
        ),
        "{}",
        location(&answer)
    );
    assert!(location(&answer).ends_with("&prompt=login"));
}

#[test]
fn rules_say_what_becomes_of_strangers() {
    let gate = |otherwise| {
        with_request("/", "", |request| login(otherwise).gate(request, None, NOW, [1; NONCE_LEN]))
    };
    assert_eq!(gate(OnUnauthenticated::Deny), Gate::Answer(Answer::error(401)));
    assert_eq!(gate(OnUnauthenticated::Allow), Gate::Open(Vec::new()));
}

fn token(audience: &Value, issuer: &str, expiry: u64) -> Reply {
    let claims = json!({ "iss": issuer, "aud": audience, "exp": expiry, "sub": "42" });
    let id_token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
    Reply {
        status: 200,
        body: json!({ "access_token": "at", "id_token": id_token }).to_string().into_bytes(),
    }
}

/// The whole way: sent away, back with a code, tokens, claims, session.
#[test]
fn a_user_logs_in() {
    let login = login(OnUnauthenticated::Authenticate);
    let state = state_of(&login, "/a?b=c");
    let target = format!("/oauth2/idpresponse?code=x%2By&state={state}");
    let callback =
        with_request(&target, "", |request| login.callback(request, NOW + 5)).expect("ours").expect("a code");
    assert_eq!(
        Exchange::token_request(&callback),
        "grant_type=authorization_code&code=x%2By&redirect_uri=https%3A%2F%2Fapp.example%2Foauth2%2Fidpresponse&client_id=client\
         &client_secret=s%26cret"
    );
    let reply = token(&json!(["other", "client"]), "https://idp.example", NOW + 60);
    let access = Exchange::access_token(&callback, &reply, NOW).expect("a token");
    let info =
        Reply { status: 200, body: json!({ "sub": "42", "email": "a@b.example" }).to_string().into_bytes() };
    let session = Exchange::session(&callback, access, &info, NOW).expect("a session");
    let answer = login.admit(&session, &callback.original, NOW, [2; NONCE_LEN]).expect("an answer");
    assert_eq!(location(&answer), "https://app.example/a?b=c");
    let headers = String::from_utf8_lossy(&answer.headers).into_owned();
    let cookie = headers
        .lines()
        .find_map(|line| line.strip_prefix("Set-Cookie: ")?.split(';').next())
        .expect("a cookie");
    assert!(cookie.starts_with("AWSELBAuthSessionCookie-0="), "{cookie}");

    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &aws_lc_rs::rand::SystemRandom::new());
    let pkcs8 = pkcs8.expect("a key");
    let signer = Signer::new("kid-1", "arn:lb", pkcs8.as_ref()).expect("a signer");
    let gate = with_request("/", &format!("Cookie: {cookie}\r\n"), |request| {
        login.gate(request, Some(&signer), NOW + 3599, [3; NONCE_LEN])
    });
    let Gate::Open(lines) = gate else { panic!("not let in") };
    let lines = String::from_utf8_lossy(&lines).into_owned();
    assert!(
        lines.starts_with("x-amzn-oidc-accesstoken: at\r\nx-amzn-oidc-identity: 42\r\nx-amzn-oidc-data: "),
        "{lines}"
    );
    let data = lines.rsplit(": ").next().expect("a token").trim_end();
    let (signed, signature) = data.rsplit_once('.').expect("a signature");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("a key");
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref().to_vec());
    let signature = URL_SAFE.decode(signature).expect("base64");
    assert!(public.verify(signed.as_bytes(), &signature).is_ok());
    let header: Value = serde_json::from_slice(
        &URL_SAFE.decode(signed.split('.').next().expect("a header")).expect("base64"),
    )
    .expect("JSON");
    assert_eq!(
        (&header["kid"], &header["signer"], &header["alg"]),
        (&json!("kid-1"), &json!("arn:lb"), &json!("ES256"))
    );
    let late = with_request("/", &format!("Cookie: {cookie}\r\n"), |request| {
        login.gate(request, None, NOW + 3600, [3; NONCE_LEN])
    });
    assert!(matches!(late, Gate::Answer(_)));
}

#[test]
fn what_a_provider_says_wrong_is_refused() {
    let login = login(OnUnauthenticated::Authenticate);
    let state = state_of(&login, "/");
    let came = |query: &str, now| {
        with_request(&format!("/oauth2/idpresponse?{query}"), "", |request| {
            login.callback(request, now).map(|result| result.map(|_| ()))
        })
    };
    let refused = |reason, status| Some(Err(Refused { reason, status }));
    assert_eq!(came("code=x&state=bogus", NOW), None);
    assert_eq!(came(&format!("state={state}"), NOW), refused("AuthMissingAuthorizationCode", 401));
    assert_eq!(came(&format!("code=x&state={state}"), NOW + PATIENCE), refused("AuthInvalidStateParam", 401));
    assert_eq!(
        came(&format!("error=access_denied&state={state}"), NOW),
        refused("AuthInvalidAuthnResponse", 401)
    );
    assert_eq!(
        came(&format!("error=server_error&state={state}"), NOW),
        refused("AuthInvalidAuthnResponse", 561)
    );

    let target = format!("/oauth2/idpresponse?code=x&state={state}");
    let callback =
        with_request(&target, "", |request| login.callback(request, NOW)).expect("ours").expect("a code");
    let token_of =
        |reply: &Reply| Exchange::access_token(&callback, reply, NOW).map_err(|refused| refused.reason);
    let client = json!("client");
    assert_eq!(token_of(&token(&json!("other"), "https://idp.example", NOW + 1)), Err("AuthInvalidIdToken"));
    assert_eq!(token_of(&token(&client, "https://other.example", NOW + 1)), Err("AuthInvalidIdToken"));
    assert_eq!(token_of(&token(&client, "https://idp.example", NOW)), Err("AuthInvalidIdToken"));
    let reply = |status, body: &str| Reply { status, body: body.as_bytes().to_vec() };
    assert_eq!(token_of(&reply(200, "{}")), Err("AuthInvalidTokenResponse"));
    assert_eq!(token_of(&reply(400, "{\"error\":\"invalid_grant\"}")), Err("AuthInvalidGrantError"));
    assert_eq!(token_of(&reply(500, "")), Err("AuthTokenEpRequestFailed"));
    let info = |status, body: &str| {
        Exchange::session(&callback, "at".to_owned(), &reply(status, body), NOW)
            .map_err(|refused| refused.reason)
    };
    assert_eq!(info(200, "{}"), Err("AuthInvalidUserinfoResponse"));
    assert_eq!(info(403, ""), Err("AuthUserinfoEpRequestFailed"));
    assert_eq!(info(200, &" ".repeat(12_000)), Err("AuthUserClaimsSizeExceeded"));
}
