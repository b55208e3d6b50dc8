# Public zones: every type and every routing policy, aliases, delegation sets, health checks, query logs.
resource "aws_route53_delegation_set" "shared" {
  reference_name = "shared"
}

resource "aws_route53_zone" "main" {
  name              = "example.net"
  comment           = var.changed ? "second" : "first"
  delegation_set_id = aws_route53_delegation_set.shared.id
  force_destroy     = true
  tags              = var.changed ? { Name = "main", Owner = "dns" } : { Name = "main" }
}

resource "aws_route53_zone" "child" {
  name = "child.example.net"
}

# The delegation from one to the other.
resource "aws_route53_record" "delegation" {
  zone_id = aws_route53_zone.main.zone_id
  name    = "child"
  type    = "NS"
  ttl     = 300
  records = aws_route53_zone.child.name_servers
}

locals {
  simple = {
    "www A"         = ["192.0.2.1", "192.0.2.2"]
    "www AAAA"      = ["2001:db8::1"]
    "alias CNAME"   = ["www.example.net"]
    "mail MX"       = ["10 mx1.example.net", "20 mx2.example.net"]
    "txt TXT"       = ["v=spf1 -all", var.changed ? "second" : "first"]
    "_sip._tcp SRV" = ["1 10 5060 sip.example.net"]
    "ca CAA"        = ["0 issue \"ca.example.org\""]
    "ptr PTR"       = ["host.example.net"]
    "naptr NAPTR"   = ["100 50 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.net!\" ."]
    "spf SPF"       = ["v=spf1 -all"]
    "*.wild A"      = ["192.0.2.3"]
  }
}

resource "aws_route53_record" "simple" {
  for_each = local.simple
  zone_id  = aws_route53_zone.main.zone_id
  name     = split(" ", each.key)[0]
  type     = split(" ", each.key)[1]
  ttl      = var.changed ? 120 : 60
  records  = each.value
}

resource "aws_route53_record" "apex" {
  zone_id = aws_route53_zone.main.zone_id
  name    = aws_route53_zone.main.name
  type    = "A"

  alias {
    zone_id                = aws_route53_zone.main.zone_id
    name                   = aws_route53_record.simple["www A"].fqdn
    evaluate_target_health = var.changed
  }
}

resource "aws_route53_record" "weighted" {
  for_each       = { blue = 10, green = var.changed ? 0 : 20 }
  zone_id        = aws_route53_zone.main.zone_id
  name           = "weighted"
  type           = "A"
  ttl            = 60
  records        = ["192.0.2.10"]
  set_identifier = each.key

  weighted_routing_policy {
    weight = each.value
  }
}

resource "aws_route53_record" "latency" {
  for_each       = { virginia = "us-east-1", ireland = "eu-west-1" }
  zone_id        = aws_route53_zone.main.zone_id
  name           = "latency"
  type           = "A"
  ttl            = 60
  records        = [var.changed ? "192.0.2.21" : "192.0.2.20"]
  set_identifier = each.key

  latency_routing_policy {
    region = each.value
  }
}

resource "aws_route53_record" "geolocation" {
  for_each       = { everywhere = "*", japan = "JP" }
  zone_id        = aws_route53_zone.main.zone_id
  name           = "place"
  type           = "A"
  ttl            = 60
  records        = [var.changed ? "192.0.2.31" : "192.0.2.30"]
  set_identifier = each.key

  geolocation_routing_policy {
    country = each.value
  }
}

resource "aws_route53_record" "multivalue" {
  for_each                         = toset(["one", "two"])
  zone_id                          = aws_route53_zone.main.zone_id
  name                             = "multivalue"
  type                             = "A"
  ttl                              = var.changed ? 30 : 60
  records                          = [each.key == "one" ? "192.0.2.41" : "192.0.2.42"]
  set_identifier                   = each.key
  health_check_id                  = aws_route53_health_check.tcp.id
  multivalue_answer_routing_policy = true
}

resource "aws_route53_record" "failover" {
  for_each        = toset(["PRIMARY", "SECONDARY"])
  zone_id         = aws_route53_zone.main.zone_id
  name            = "failover"
  type            = "A"
  ttl             = 60
  records         = [var.changed ? "192.0.2.51" : "192.0.2.50"]
  set_identifier  = each.key
  health_check_id = each.key == "PRIMARY" ? aws_route53_health_check.http.id : null

  failover_routing_policy {
    type = each.key
  }
}

resource "aws_route53_health_check" "http" {
  type              = "HTTP"
  ip_address        = "198.18.0.99"
  port              = var.changed ? 8080 : 80
  resource_path     = "/health"
  failure_threshold = var.changed ? 2 : 3
  request_interval  = 30
  tags              = { Name = "http" }
}

resource "aws_route53_health_check" "tcp" {
  type              = "TCP"
  ip_address        = "198.18.0.99"
  port              = 22
  failure_threshold = 3
  request_interval  = 10
}

resource "aws_route53_health_check" "both" {
  type                   = "CALCULATED"
  child_health_threshold = var.changed ? 2 : 1
  child_healthchecks     = [aws_route53_health_check.http.id, aws_route53_health_check.tcp.id]
}

resource "aws_cloudwatch_log_group" "queries" {
  name              = "/aws/route53/example.net"
  retention_in_days = var.changed ? 7 : 1
}

resource "aws_cloudwatch_log_resource_policy" "route53" {
  policy_name = "route53"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "route53.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "arn:aws:logs:*:*:log-group:/aws/route53/*"
    }]
  })
}

resource "aws_route53_query_log" "main" {
  zone_id                  = aws_route53_zone.main.zone_id
  cloudwatch_log_group_arn = aws_cloudwatch_log_group.queries.arn
  depends_on               = [aws_cloudwatch_log_resource_policy.route53]
}

data "aws_route53_zone" "by_name" {
  name       = "example.net."
  depends_on = [aws_route53_zone.main, aws_route53_zone.child]
}

data "aws_route53_delegation_set" "shared" {
  id = aws_route53_delegation_set.shared.id
}

output "wrong" {
  value = concat(
    data.aws_route53_zone.by_name.zone_id == aws_route53_zone.main.zone_id ? [] : ["zone by name"],
    sort(data.aws_route53_delegation_set.shared.name_servers) == sort(aws_route53_zone.main.name_servers) ? [] : ["name servers"],
    length(aws_route53_zone.child.name_servers) == 4 ? [] : ["four name servers"],
    aws_route53_record.simple["www A"].fqdn == "www.example.net" ? [] : ["name of a record"],
  )
}
