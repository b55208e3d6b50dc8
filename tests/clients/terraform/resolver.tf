# Route 53 Resolver: endpoints, rules that forward and that do not, query logs.
resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "spoke" {
  cidr_block           = "10.8.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_subnet" "one" {
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.1.0/24"
  availability_zone = "us-east-1a"
}

resource "aws_subnet" "two" {
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.2.0/24"
  availability_zone = "us-east-1b"
}

resource "aws_security_group" "dns" {
  name   = "dns"
  vpc_id = aws_vpc.main.id

  dynamic "ingress" {
    for_each = toset(["tcp", "udp"])
    content {
      from_port   = 53
      to_port     = 53
      protocol    = ingress.value
      cidr_blocks = ["10.0.0.0/8"]
    }
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_route53_resolver_endpoint" "inbound" {
  name               = var.changed ? "in" : "inbound"
  direction          = "INBOUND"
  security_group_ids = [aws_security_group.dns.id]

  ip_address {
    subnet_id = aws_subnet.one.id
  }

  ip_address {
    subnet_id = aws_subnet.two.id
    ip        = "10.0.2.10"
  }

  tags = { Name = "inbound" }
}

resource "aws_route53_resolver_endpoint" "outbound" {
  name               = "outbound"
  direction          = "OUTBOUND"
  security_group_ids = [aws_security_group.dns.id]

  ip_address {
    subnet_id = aws_subnet.one.id
  }

  ip_address {
    subnet_id = aws_subnet.two.id
  }
}

resource "aws_route53_resolver_rule" "forward" {
  name                 = "forward"
  domain_name          = "corp.example.net"
  rule_type            = "FORWARD"
  resolver_endpoint_id = aws_route53_resolver_endpoint.outbound.id

  target_ip {
    ip = var.changed ? "10.0.2.10" : "10.0.1.53"
  }

  tags = { Name = "forward" }
}

resource "aws_route53_resolver_rule" "system" {
  name        = var.changed ? "own" : "system"
  domain_name = "cloud.corp.example.net"
  rule_type   = "SYSTEM"
}

resource "aws_route53_resolver_rule_association" "forward" {
  name             = "spoke"
  resolver_rule_id = aws_route53_resolver_rule.forward.id
  vpc_id           = aws_vpc.spoke.id
}

resource "aws_route53_resolver_rule_association" "system" {
  resolver_rule_id = aws_route53_resolver_rule.system.id
  vpc_id           = aws_vpc.spoke.id
}

resource "aws_cloudwatch_log_group" "queries" {
  name = "/vpc/queries"
}

resource "aws_route53_resolver_query_log_config" "queries" {
  name            = "queries"
  destination_arn = aws_cloudwatch_log_group.queries.arn
  tags            = var.changed ? { Name = "queries" } : {}
}

resource "aws_route53_resolver_query_log_config_association" "main" {
  resolver_query_log_config_id = aws_route53_resolver_query_log_config.queries.id
  resource_id                  = aws_vpc.main.id
}

data "aws_route53_resolver_endpoint" "inbound" {
  resolver_endpoint_id = aws_route53_resolver_endpoint.inbound.id
}

data "aws_route53_resolver_rule" "forward" {
  domain_name = "corp.example.net"
  rule_type   = "FORWARD"
  depends_on  = [aws_route53_resolver_rule.forward]
}

output "wrong" {
  value = concat(
    contains(data.aws_route53_resolver_endpoint.inbound.ip_addresses, "10.0.2.10") ? [] : ["addresses of an endpoint"],
    data.aws_route53_resolver_rule.forward.id == aws_route53_resolver_rule.forward.id ? [] : ["rule by domain"],
    aws_route53_resolver_rule.system.owner_id == var.account ? [] : ["owner of a rule"],
  )
}
