//! Health checks send packets, and failover happens by itself: a server in an instance is killed, and its name leads to another.

mod harness;

use std::io::BufRead;
use std::time::{Duration, Instant};

use harness::lab::{Network, Running};
use harness::{Daemon, all, first, until};

/// A web server that answers everybody `well`.
const SERVER: &str = "use IO::Socket::INET; $| = 1; $SIG{PIPE} = 'IGNORE'; \
    my $s = IO::Socket::INET->new(LocalPort => 80, Listen => 64, ReuseAddr => 1) or die $!; print \"ready\\n$$\\n\"; \
    while (my $c = $s->accept) { while (<$c>) { last if /^\\r?$/ } \
    print $c \"HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\nConnection: close\\r\\n\\r\\nwell\"; close $c }";

/// The interval of the checks.
const INTERVAL: Duration = Duration::from_secs(10);

/// How long a failover with a threshold of 1 may take: an interval, and a second for the last probe.
const FAILOVER: Duration = INTERVAL.saturating_add(Duration::from_secs(1));

/// Two instances on the internet whose group admits the checkers on port 80, and nobody else.
struct Site {
    daemon: Daemon,
    web: String,
    web_address: String,
    spare_address: String,
}

impl Site {
    fn new() -> Self {
        let daemon = Daemon::start_with(&["--delegate", "all"]);
        let call = |form: String| daemon.call(&form);
        let network = Network::new(&daemon);
        let Network { vpc, subnet, group } = &network;
        let gateway = first(&call("Action=CreateInternetGateway".into()), "internetGatewayId");
        call(format!("Action=AttachInternetGateway&InternetGatewayId={gateway}&VpcId={vpc}"));
        let table = first(&call(format!("Action=CreateRouteTable&VpcId={vpc}")), "routeTableId");
        call(format!("Action=AssociateRouteTable&RouteTableId={table}&SubnetId={subnet}"));
        call(format!(
            "Action=CreateRoute&RouteTableId={table}&DestinationCidrBlock=0.0.0.0/0&GatewayId={gateway}"
        ));
        let ranges = daemon.route53_ok("GET", "checkeripranges", "");
        let range = all(&ranges, "member").into_iter().next().expect("a range");
        call(format!(
            "Action=AuthorizeSecurityGroupIngress&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=80\
             &IpPermissions.1.ToPort=80&IpPermissions.1.IpRanges.1.CidrIp={range}"
        ));
        let (web, _) = network.instance(&daemon, "web", "");
        let (spare, _) = network.instance(&daemon, "spare", "");
        daemon.settle();
        let address = |instance: &str| {
            let xml = call("Action=AllocateAddress&Domain=vpc".into());
            let allocation = first(&xml, "allocationId");
            call(format!("Action=AssociateAddress&AllocationId={allocation}&InstanceId={instance}"));
            first(&xml, "publicIp")
        };
        let (web_address, spare_address) = (address(&web), address(&spare));
        Site { web, web_address, spare_address, daemon }
    }

    /// Starts the web server; answers it and its process in the instance.
    fn serve(&self) -> (Running, String) {
        let (running, mut output) = self.daemon.perl(&self.web, SERVER);
        let mut pid = String::new();
        output.read_line(&mut pid).expect("the server says its process");
        (running, pid.trim().to_owned())
    }

    /// A check of the web server's address.
    fn check(&self, reference: &str, more: &str) -> String {
        self.daemon.health_check(
            reference,
            &format!(
                "<IPAddress>{}</IPAddress><RequestInterval>10</RequestInterval><FailureThreshold>1</FailureThreshold>{more}",
                self.web_address
            ),
        )
    }

    /// A check of whatever address a name has.
    fn named(&self, name: &str) -> String {
        self.daemon.health_check(
            name,
            &format!(
                "<Type>HTTP</Type><FullyQualifiedDomainName>{name}</FullyQualifiedDomainName>\
                 <RequestInterval>10</RequestInterval><FailureThreshold>1</FailureThreshold>"
            ),
        )
    }

    /// A name that leads to the web server while the check passes, and else to the spare.
    fn failover(&self, zone: &str, name: &str, check: &str) {
        for (kind, address, health) in [
            ("PRIMARY", &self.web_address, format!("<HealthCheckId>{check}</HealthCheckId>")),
            ("SECONDARY", &self.spare_address, String::new()),
        ] {
            self.daemon.put_record_set(
                zone,
                &format!(
                    "<Name>{name}</Name><Type>A</Type><SetIdentifier>{kind}</SetIdentifier><Failover>{kind}</Failover>\
                     <TTL>5</TTL><ResourceRecords><ResourceRecord><Value>{address}</Value></ResourceRecord></ResourceRecords>\
                     {health}"
                ),
            );
        }
    }

    fn leads_to(&self, name: &str, address: &str) -> bool {
        self.daemon.addresses(name) == [address]
    }

    /// What all checkers say of a check; nothing while they do not agree, or have not all probed.
    fn status(&self, check: &str, which: &str) -> Option<String> {
        let xml = self.daemon.route53_ok("GET", &format!("healthcheck/{check}/{which}"), "");
        let said = all(&xml, "Status");
        (xml.matches("<HealthCheckObservation>").count() == 8 && said.len() == 1)
            .then(|| said.into_iter().next().unwrap_or_default())
    }

    fn until_status(&self, check: &str, begins: &str) {
        until(begins, || self.status(check, "status").is_some_and(|said| said.starts_with(begins)));
    }
}

#[test]
fn failover_happens_by_itself() {
    let mut site = Site::new();
    let zone = site.daemon.create_zone("example.com", None).id;
    let (server, pid) = site.serve();
    let http = site.check("http", "<Type>HTTP</Type><ResourcePath>/health</ResourcePath>");
    let matching = site.check("match", "<Type>HTTP_STR_MATCH</Type><SearchString>well</SearchString>");
    let inverted = site.check("inverted", "<Type>TCP</Type><Port>80</Port><Inverted>true</Inverted>");
    let blocked = site.check("blocked", "<Type>HTTP</Type><Port>81</Port>");
    let calculated = site.daemon.health_check(
        "calculated",
        &format!(
            "<Type>CALCULATED</Type><HealthThreshold>2</HealthThreshold><ChildHealthChecks><ChildHealthCheck>{http}\
             </ChildHealthCheck><ChildHealthCheck>{matching}</ChildHealthCheck></ChildHealthChecks>"
        ),
    );
    let (web, spare) = (site.web_address.clone(), site.spare_address.clone());
    let names = [
        ("www.example.com", &http),
        ("calculated.example.com", &calculated),
        ("inverted.example.com", &inverted),
    ];
    for (name, check) in names {
        site.failover(&zone, name, check);
    }
    site.daemon.put_record_set(
        &zone,
        &format!(
            "<Name>web.example.com</Name><Type>A</Type><TTL>1</TTL><ResourceRecords><ResourceRecord><Value>{web}</Value>\
             </ResourceRecord></ResourceRecords>"
        ),
    );
    let named = site.named("web.example.com");
    let nameless = site.named("nobody.example.com");
    for check in [&http, &matching, &inverted, &named] {
        site.until_status(check, "Success: ");
    }
    site.until_status(&nameless, "Failure: DNS resolution failed");
    assert_eq!(site.status(&http, "status").as_deref(), Some("Success: HTTP Status Code 200, OK"));
    assert!(site.leads_to("www.example.com", &web) && site.leads_to("calculated.example.com", &web));
    assert!(site.leads_to("inverted.example.com", &spare));
    // The group admits nobody on that port: no answer, rather than a refusal.
    site.until_status(&blocked, "Failure: Connection timed out.");

    site.daemon.shell(&site.web, &format!("kill -9 {pid}"));
    let killed = Instant::now();
    until("the secondary answers", || site.leads_to("www.example.com", &spare));
    let took = killed.elapsed();
    println!("failover with an interval of 10 s and a threshold of 1 took {:.2} s", took.as_secs_f64());
    assert!(took <= FAILOVER, "{took:?}");
    until("what is calculated follows", || site.leads_to("calculated.example.com", &spare));
    until("what is inverted is healthy now", || site.leads_to("inverted.example.com", &web));
    site.until_status(&http, "Failure: Connection refused.");
    assert_eq!(site.status(&http, "lastfailurereason"), site.status(&http, "status"));
    drop(server);

    let (_server, _) = site.serve();
    let served = Instant::now();
    until("the primary answers again", || site.leads_to("www.example.com", &web));
    println!("recovery took {:.2} s", served.elapsed().as_secs_f64());
    until("what is inverted is unhealthy again", || site.leads_to("inverted.example.com", &spare));
    // Nothing of it is stored: another daemon observes again.
    site.daemon.kill_and_restart();
    site.until_status(&http, "Success: HTTP Status Code 200, OK");
    assert!(site.leads_to("www.example.com", &web) && site.leads_to("inverted.example.com", &spare));
    let answer = site.daemon.route53_answer("DELETE", &format!("healthcheck/{http}"), "");
    assert_eq!((answer.status, first(&answer.text(), "Code").as_str()), (400, "HealthCheckInUse"));
}
