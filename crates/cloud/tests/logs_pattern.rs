//! Filter patterns: the examples of AWS's page, and the choices that `logs::pattern` names.

mod harness;

use enishi_api::logs::{TestMetricFilterRequest, ops};
use enishi_cloud::logs::pattern::Pattern;
use enishi_state::Entropy;
use harness::{Counting, Harness};

#[track_caller]
fn check(pattern: &str, yes: &[&str], no: &[&str]) {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    for message in yes {
        assert!(parsed.matches(message), "{pattern} should match {message}");
    }
    for message in no {
        assert!(!parsed.matches(message), "{pattern} should not match {message}");
    }
}

#[track_caller]
fn refuse(pattern: &str, message: &str) {
    assert_eq!(Pattern::parse(pattern).expect_err(pattern).to_string(), message);
}

/// "Matching terms in unstructured log events"
#[test]
fn terms() {
    check("", &["anything", ""], &[]);
    check("  ", &["anything"], &[]);
    check("ERROR", &["[ERROR 400] BAD REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST"], &["error", "[WARN] x"]);
    check("ERROR ARGUMENTS", &["[ERROR 419] MISSING ARGUMENTS", "ARGUMENTS ERROR"], &["[ERROR 400] BAD"]);
    check(
        "?ERROR ?ARGUMENTS",
        &["[ERROR 400] BAD REQUEST", "[ERROR 419] MISSING ARGUMENTS", "INVALID ARGUMENTS"],
        &["fine"],
    );
    check("\"INTERNAL SERVER ERROR\"", &["[ERROR 500] INTERNAL SERVER ERROR"], &["INTERNAL ERROR SERVER"]);
    check("ERROR -ARGUMENTS", &["[ERROR 400] BAD REQUEST"], &["[ERROR 419] MISSING ARGUMENTS", "fine"]);
    check("-ERROR", &["fine"], &["ERROR"]);
    check("ERROR -\"bad request\"", &["ERROR x"], &["ERROR bad request"]);
    check("ERROR ?WARN", &["ERROR"], &["WARN"]);
    check(r#""say \"hi\"""#, &[r#"they say "hi""#], &["they say hi"]);
    check("große", &["der große"], &["der grosse"]);
}

#[test]
fn terms_that_are_none() {
    refuse("\"\"", "Invalid filter pattern: Invalid character(s) in term '\"\"'");
    refuse("a@b", "Invalid filter pattern: Invalid character(s) in term 'a@b'");
    refuse("foo-bar", "Invalid filter pattern: Invalid character(s) in term 'foo-bar'");
    refuse("\"open", "Invalid filter pattern: Invalid character(s) in term '\"open'");
    for pattern in ["-", "?", "%", "a \"b\"c", "{ $.a = 1", "[a, b", "%(a)%", "%%", "%a{9999}%", "%[z-a]%"] {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
    assert!(Pattern::parse(&"a".repeat(1025)).is_err());
}

/// "Supported regular expressions (regex) syntax"
#[test]
fn expressions() {
    check(
        "%AUTHORIZED%",
        &["[ERROR 401] UNAUTHORIZED REQUEST", "[SUCCESS 200] AUTHORIZED REQUEST"],
        &["auth"],
    );
    check("%^Hello%", &["Hello, world"], &["Oh, Hello"]);
    check("%world$%", &["Hello, world"], &["world!"]);
    check("%colou?r%", &["color", "colour"], &["colouur"]);
    check("%gray|grey%", &["gray", "grey"], &["groy"]);
    check(r"%10\.10\.0\.1%", &["at 10.10.0.1."], &["10510.0.1"]);
    check("%[a-z]%", &["a"], &["A"]);
    check("%[^a-z]%", &["A"], &["abc"]);
    check("%[ab_-]x%", &["-x", "_x"], &["cx"]);
    check("%^[0-9]{2,3}$%", &["12", "123"], &["1", "1234"]);
    check("%ab{2,}c%", &["abbc", "abbbbc"], &["abc"]);
    check("%a+b*c%", &["ac", "aabbc"], &["bc"]);
    check(r"%\d\s\w%", &["1 a"], &["a 1"]);
    check(r"%\x28\x29%", &["f()"], &["f"]);
    check("%a.c% -%x$%", &["abc"], &["abcx"]);
}

/// "Using filter patterns to match terms in JSON log events"
#[test]
fn json() {
    let event = r#"{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeOtherObject": null, "ThisFlag": true,
        "a.b": 1, "user": {"id": 1, "email": "John.Stiles@example.com"}, "size": 1e3}"#;
    let yes = |pattern: &str| check(pattern, &[event], &["{}", "no JSON", "[1]", "{"]);
    let no = |pattern: &str| check(pattern, &[], &[event]);
    yes(r#"{ $.eventType = "UpdateTrail" }"#);
    yes("{ $.eventType = UpdateTrail }");
    yes(r#"{ $.eventType = "*Trail" }"#);
    yes("{ $.sourceIPAddress != 123.123.* }");
    no("{ $.sourceIPAddress != 111.111.* }");
    yes(r#"{ $.arrayKey[0] = "value" }"#);
    no(r#"{ $.arrayKey[1] = "value" }"#);
    yes(r#"{ $.arrayKey[*] = "another*" }"#);
    yes("{ $.objectList[1].id = 2 }");
    yes("{ $.objectList[*].id > 1 }");
    yes("{ $.SomeOtherObject IS NULL }");
    yes("{ $.ThisFlag IS TRUE }");
    no("{ $.ThisFlag IS FALSE }");
    check("{ $.missing NOT EXISTS }", &[event, "{}"], &["text"]);
    no("{ $.user NOT EXISTS }");
    yes("{ $.['a.b'] = 1 }");
    yes("{ $.size >= 1000 && $.size <= 1e3 }");
    yes("{ ($.user.id = 1) && ($.user.email = \"John*\") }");
    yes("{ $.user.id = 3 || $.user.id = 1 && $.ThisFlag IS TRUE }");
    no("{ ($.user.id = 1 || $.user.id = 2) && $.ThisFlag IS FALSE }");
    yes("{ $.user.email = %^John.*com$% }");
    no(r#"{ $.missing != "x" }"#);
    no(r#"{ $.user.id = "1" }"#);
    for pattern in
        ["{}", "{ $ }", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $.a < b }", "{ ($.a = 1 }", "{ $.a = 1 ) }"]
    {
        refuse_any(pattern);
    }
    refuse_any(&format!("{{ {}$.a = 1{} }}", "(".repeat(40), ")".repeat(40)));
    refuse("{ $.a = 1", "If a filter pattern starts with '{' it must end with '}'");
}

#[track_caller]
fn refuse_any(pattern: &str) {
    assert!(Pattern::parse(pattern).is_err(), "{pattern}");
}

/// "Using filter patterns to match terms in space-delimited log events"
#[test]
fn columns() {
    let event = r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
    let yes = |pattern: &str| check(pattern, &[event], &["", "one two"]);
    let no = |pattern: &str| check(pattern, &[], &[event]);
    yes("[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]");
    yes("[ip=127.0.0.1, user, username, timestamp, request, status_code, bytes > 1000]");
    no("[ip, user, username, timestamp, request, status_code, bytes > 2000]");
    no("[ip, user, username]");
    yes("[..., status_code = 4*, bytes]");
    yes("[ip, user, ..., bytes >= 1534]");
    yes("[ip, ..., status_code = 404 || status_code = 410, bytes]");
    no("[ip, ..., status_code != 404 && status_code != 410, bytes]");
    yes("[ip, user, username = \"frank\", ...]");
    check("[w1=ERROR, w2]", &["ERROR code"], &["WARN code", "ERROR"]);
    check("[w1=%ERR|WARN%, ...]", &["WARNING x", "ERROR"], &["INFO x"]);
    check("[w1!=ERROR&&w1!=WARN, w2]", &["INFO x"], &["ERROR x", "WARN x"]);
    for pattern in ["[a = 1 && b = 2]", "[..., ...]", "[a b]", "[a = ]", "[a > x]"] {
        refuse_any(pattern);
    }
    refuse("[a", "If a filter pattern starts with '[' it must end with ']'");
}

/// [The example of the API's page](https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html)
#[test]
fn test_metric_filter_extracts_values() {
    let mut h = Harness::new();
    let mut matches = |pattern: &str, messages: &[&str]| {
        let input = TestMetricFilterRequest {
            filter_pattern: pattern.to_owned(),
            log_event_messages: messages.iter().map(|message| (*message).to_owned()).collect(),
        };
        let matches = h.ok::<ops::TestMetricFilter>(input).matches.unwrap();
        let shown = |values: std::collections::BTreeMap<String, String>| {
            values.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        let one = |found: enishi_api::logs::MetricFilterMatchRecord| {
            format!("{}: {}", found.event_number.unwrap(), shown(found.extracted_values.unwrap()))
        };
        matches.into_iter().map(one).collect::<Vec<_>>()
    };
    let lines = [
        r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534"#,
        r#"127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.gif HTTP/1.0" 500 5324"#,
    ];
    let named = "[ip, identity, user_id, timestamp, request, status_code, size > 2000]";
    assert_eq!(
        matches(named, &lines),
        ["2: $identity=- $ip=127.0.0.1 $request=GET /apache_pb.gif HTTP/1.0 $size=5324 $status_code=500 \
          $timestamp=10/Oct/2000:13:35:22 -0700 $user_id=frank"]
    );
    assert_eq!(matches("[..., size]", &["a b"]), ["1: $1=a $size=b"]);
    assert_eq!(matches("{ $.a.b > 1 }", &[r#"{"a":{"b":2}}"#, "{}"]), ["1: $.a.b=2"]);
    assert_eq!(matches("x", &["a", "x"]), ["2: "]);
}

/// Whatever the text, parsing and matching end, and what is drawn from the language's own letters finds its corners.
#[test]
fn no_pattern_panics() {
    const LETTERS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "$",
        ".",
        "*",
        "%",
        "\"",
        "\\",
        "=",
        "!=",
        "<",
        ">",
        "&&",
        "||",
        ",",
        "...",
        "-",
        "?",
        " ",
        "a",
        "1",
        "é",
        "IS NULL",
        "NOT EXISTS",
        "^",
        "|",
        "+",
        "{2,}",
        "x",
        "\\d",
        "'",
        "0",
    ];
    let mut random = Counting::seeded(3);
    let mut draw = |below: usize| {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        (u64::from_be_bytes(bytes) % below as u64) as usize
    };
    let mut parsed = 0;
    for _ in 0..40_000 {
        let length = draw(14);
        let mut text = || (0..length).map(|_| LETTERS[draw(LETTERS.len())]).collect::<String>();
        let inner = text();
        let message = text();
        for pattern in
            [inner.clone(), format!("{{ $.a{inner} }}"), format!("[a{inner}]"), format!("%{inner}%")]
        {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                parsed += 1;
                assert_eq!(pattern.matches(&message), pattern.extract(&message).is_some());
                pattern.matches(&format!("{{\"a\":[{{\"x\":1}},\"{}\"]}}", message.replace(['"', '\\'], "")));
            }
        }
    }
    assert!(parsed > 5_000, "only {parsed} texts were patterns");
}
