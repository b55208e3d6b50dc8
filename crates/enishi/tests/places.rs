//! Answers by where clients are, `enishi dns` and `enishi zone`: through the binary, with `dig` and `named-checkzone`.

mod harness;

use std::path::PathBuf;
use std::process::{Command, Output};

use harness::lab::Network;
use harness::zone::Zone;
use harness::{Daemon, first};
use serde_json::Value;
use tempfile::TempDir;

const PLACES: &str = "\
block, continent, country, subdivision, region, latitude, longitude
203.0.113.0/24, EU, DE, , eu-central-1
198.51.100.0/24, , , , ap-northeast-1   # Tokyo
192.0.2.0/24, NA, US, CA
2001:db8:1::/48, SA, BR, , , -23.55, -46.63
";

/// Frankfurt is nearer to Ireland; here its users measured another thing.
const LATENCIES: &str = "from, eu-west-1, us-east-1, ap-northeast-1\neu-central-1, 95.5, 12, \n";

fn file(directory: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// Adds a record set with one value; `more` are the elements of its policy.
fn add(daemon: &Daemon, zone: &Zone, name: &str, more: &str, record_type: &str, value: &str) {
    let body = format!(
        "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>\
         <Change><Action>CREATE</Action><ResourceRecordSet><Name>{name}</Name><Type>{record_type}</Type>{more}<TTL>60</TTL>\
         <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>\
         </Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    );
    let target = format!("/2013-04-01/hostedzone/{}/rrset/", zone.id);
    let answer = daemon.send("POST", &target, &[("content-type", "application/xml")], body.as_bytes());
    assert_eq!(answer.status, 200, "{name} {more}: {}", answer.text());
}

/// What the daemon's name service says to a client in a subnet.
fn dig(daemon: &Daemon, subnet: &str, name: &str) -> String {
    let status = daemon.get("/_enishi/status").json();
    let (host, port) = status["dns"].as_str().and_then(|dns| dns.rsplit_once(':')).expect("DNS is answered");
    let output = Command::new("dig")
        .args([&format!("@{host}"), "-p", port, "+short", "+tries=1", &format!("+subnet={subnet}"), name])
        .output()
        .expect("dig runs");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn answers_depend_on_where_clients_are() {
    let directory = tempfile::tempdir().expect("a directory");
    let places = file(&directory, "places", PLACES);
    let latencies = file(&directory, "latencies", LATENCIES);
    let files = [places.to_str().expect("text"), latencies.to_str().expect("text")];
    let daemon = Daemon::start_with(&["--places", files[0], "--latencies", files[1]]);
    let zone = daemon.create_zone("example.test", None);
    for (region, value) in
        [("eu-west-1", "10.0.0.1"), ("us-east-1", "10.0.0.2"), ("ap-northeast-1", "10.0.0.3")]
    {
        let policy = format!("<SetIdentifier>{region}</SetIdentifier><Region>{region}</Region>");
        add(&daemon, &zone, "fast.example.test", &policy, "A", value);
    }
    for (area, value) in [
        ("<ContinentCode>EU</ContinentCode>", "10.0.1.1"),
        ("<CountryCode>US</CountryCode><SubdivisionCode>CA</SubdivisionCode>", "10.0.1.2"),
        ("<CountryCode>*</CountryCode>", "10.0.1.3"),
    ] {
        let policy = format!("<SetIdentifier>{value}</SetIdentifier><GeoLocation>{area}</GeoLocation>");
        add(&daemon, &zone, "home.example.test", &policy, "A", value);
    }
    for (location, value) in [
        ("<AWSRegion>sa-east-1</AWSRegion><Bias>-10</Bias>", "10.0.2.1"),
        ("<Coordinates><Latitude>48.86</Latitude><Longitude>2.35</Longitude></Coordinates>", "10.0.2.2"),
    ] {
        let policy = format!(
            "<SetIdentifier>{value}</SetIdentifier><GeoProximityLocation>{location}</GeoProximityLocation>"
        );
        add(&daemon, &zone, "near.example.test", &policy, "A", value);
    }
    for (subnet, fast, home, near) in [
        ("203.0.113.77/32", "10.0.0.2", "10.0.1.1", "10.0.2.2"),
        ("198.51.100.0/24", "10.0.0.3", "10.0.1.3", "10.0.2.2"),
        ("2001:db8:1:2::/56", "10.0.0.2", "10.0.1.3", "10.0.2.1"),
    ] {
        let names = ["fast.example.test", "home.example.test", "near.example.test"];
        assert_eq!(names.map(|name| dig(&daemon, subnet, name)), [fast, home, near], "{subnet}");
    }
    assert_eq!(dig(&daemon, "192.0.2.1/32", "home.example.test"), "10.0.1.2");

    // The command says the same, and why.
    let told = daemon.run(&["dns", "fast.example.test", "--from", "eu-central-1"]);
    let text = stdout(&told);
    assert_eq!(told.status.code(), Some(0), "{text}");
    assert!(text.starts_with("fast.example.test.\t60\tIN\tA\t10.0.0.2\n\n"), "{text}");
    for part in [
        "latency routing between 3 record sets",
        "us-east-1 12.0 ms",
        "in the region eu-central-1",
        "least latency",
    ] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let data = json(&daemon.run(&["dns", "home.example.test", "A", "--from", "203.0.113.9", "--json"]));
    assert_eq!((&data["answered"], &data["rcode"]), (&Value::Bool(true), &Value::from("NOERROR")));
    assert_eq!(data["records"][0]["data"], "10.0.1.1");
    for (arguments, status) in [
        (["dns", "gone.example.test", "A"], 3),
        (["dns", "fast.example.test", "MX"], 3),
        (["dns", "a..b", "A"], 1),
    ] {
        assert_eq!(daemon.run(&arguments).status.code(), Some(status), "{arguments:?}");
    }

    // And so does the API.
    let target = format!(
        "/2013-04-01/testdnsanswer?hostedzoneid={}&recordname=home.example.test&recordtype=A&edns0clientsubnetip=192.0.2.9",
        zone.id
    );
    let answer = daemon.get(&target);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(first(&answer.text(), "RecordDataEntry"), "10.0.1.2");
}

#[test]
fn from_an_instance_its_vpc_decides() {
    let daemon = Daemon::start_with(&["--delegate", "example.test"]);
    let network = Network::new(&daemon);
    let (id, address) = network.instance(&daemon, "web", "");
    daemon.settle();
    for name in ["example.test", "other.test"] {
        let zone = daemon.create_zone(name, None);
        daemon.change_record(&zone, "CREATE", &format!("www.{name}"), "A", "192.0.2.1");
    }
    daemon.set_vpc_attribute(&network.vpc, "EnableDnsHostnames", true);
    let private = daemon.create_zone("corp.test", Some(&network.vpc));
    daemon.change_record(&private, "CREATE", "db.corp.test", "A", "10.0.0.7");
    // What is said is what `dig` gets there.
    for name in ["www.example.test", "www.other.test", "db.corp.test", "no.corp.test", "nobody.ec2.internal"]
    {
        let data = json(&daemon.run(&["dns", name, "--from", &id, "--json"]));
        let records = data["records"].as_array().expect("records").iter();
        let said: Vec<&str> = records.filter_map(|record| record["data"].as_str()).collect();
        assert_eq!(daemon.lookup("web", name), said.join("\n"), "{name}: {data:#}");
        assert_eq!(daemon.rcode("web", name), data["rcode"].as_str().expect("a code"), "{name}: {data:#}");
    }
    let told = |name: &str| stdout(&daemon.run(&["dns", name, "--from", "web"]));
    assert!(told("www.example.test").contains("is delegated to ns-"), "{}", told("www.example.test"));
    assert!(told("db.corp.test").contains(&format!("the private hosted zone {}", private.id)));
    let own = format!("ip-{}.ec2.internal", address.replace('.', "-"));
    assert!(told(&own).contains("the VPC's own"), "{}", told(&own));
    let nobody = daemon.run(&["dns", "x.test", "--from", "nobody"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no region, no address, and no instance"));
}

#[test]
fn zone_files_go_out_and_come_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let daemon = Daemon::start();
    let zone = daemon.create_zone("example.test", None);
    let path = file(
        &directory,
        "in",
        "$TTL 300\n@ SOA ns.elsewhere.test. root 7 1h 15m 2w 1d\n@ NS ns.elsewhere.test.\n@ MX 10 mail\nmail A 192.0.2.25\n\
         www 60 A 192.0.2.1\nwww 60 A 192.0.2.2\ntext TXT \"a;b\" \"c\\\"d\"\n",
    );
    let path = path.to_str().expect("text");
    let told = daemon.run(&["zone", "import", "example.test", path]);
    assert!(
        stdout(&told).contains("4 created, 0 changed, 0 deleted, 0 unchanged; the zone keeps"),
        "{told:?}"
    );
    assert_eq!(dig(&daemon, "0.0.0.0/0", "www.example.test").lines().count(), 2);
    add(
        &daemon,
        &zone,
        "w.example.test",
        "<SetIdentifier>a</SetIdentifier><Weight>1</Weight>",
        "A",
        "192.0.2.9",
    );

    let out = directory.path().join("out");
    let told = daemon.run(&["zone", "export", &zone.id, "--output", out.to_str().expect("text")]);
    assert!(told.status.success(), "{told:?}");
    assert!(String::from_utf8_lossy(&told.stderr).contains("1 record sets are comments"), "{told:?}");
    let checked = Command::new("named-checkzone")
        .args(["-i", "local", "example.test"])
        .arg(&out)
        .output()
        .unwrap_or_else(|error| panic!("named-checkzone (Debian's bind9-utils): {error}"));
    assert!(checked.status.success(), "{}", stdout(&checked));
    let told = daemon.run(&["zone", "import", &zone.id, out.to_str().expect("text"), "--replace"]);
    assert!(stdout(&told).contains("0 created, 0 changed, 0 deleted, 4 unchanged"), "{told:?}");

    // All or nothing, and by Route 53's rules.
    let wrong = file(&directory, "wrong", "new 60 A 192.0.2.3\nwww 60 CNAME example.net.\n");
    let told = daemon.run(&["zone", "import", "example.test", wrong.to_str().expect("text")]);
    assert_eq!(told.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&told.stderr).contains("RRSet of type CNAME"), "{told:?}");
    assert_eq!(dig(&daemon, "0.0.0.0/0", "new.example.test"), "");
    let wrong = file(&directory, "broken", "new 60 A 192.0.2.3\nwww 60 A nowhere\n");
    let told = daemon.run(&["zone", "import", "example.test", wrong.to_str().expect("text")]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("line 2"), "{told:?}");
}

#[test]
fn a_wrong_table_keeps_the_daemon_from_starting() {
    let directory = tempfile::tempdir().expect("a directory");
    let places = file(&directory, "places", "203.0.113.0/24,EU\n203.0.113.0,XX\n");
    let output = Command::new(env!("CARGO_BIN_EXE_enishi"))
        .args(["up", "--listen", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--data-dir"])
        .arg(directory.path().join("data"))
        .arg("--places")
        .arg(&places)
        .output()
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("places: line 2: a continent is one of"), "{text}");
}
