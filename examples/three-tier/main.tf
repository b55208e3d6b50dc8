# An Application Load Balancer in two zones before servers in private subnets: the architecture of `three-tier.sh`, with
# HTTPS, two certificates and a second group of servers.
#
#   enishi up --detach && cd examples/three-tier && terraform init && terraform apply
#   enishi ca >ca.pem
#   enishi exec internet -- curl --cacert "$PWD/ca.pem" --connect-to "::$(terraform output -raw name)" https://shop.example.com/who
#
# Needs Terraform with the AWS provider, and python3 (instances run the host's root).
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "3.39.0"
    }
  }
}

variable "endpoint" {
  type    = string
  default = "http://127.0.0.1:4566"
}

variable "account" {
  type        = string
  default     = "test"
  description = "An access key of twelve digits is an account."
}

variable "changed" {
  type        = bool
  default     = false
  description = "Sends /api to the servers of the second group alone."
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = var.account
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true

  endpoints {
    acm     = var.endpoint
    ec2     = var.endpoint
    elb     = var.endpoint
    route53 = var.endpoint
    sts     = var.endpoint
  }
}

# A VPC with a public and a private subnet in each of two zones. The servers need no way out.
locals {
  zones = ["us-east-1a", "us-east-1b"]
}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
  tags       = { Name = "three-tier" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = local.zones[count.index]
}

resource "aws_subnet" "private" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.${count.index + 10}.0/24"
  availability_zone = local.zones[count.index]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

# The load balancer is open to everybody, the servers to the load balancer.
resource "aws_security_group" "front" {
  name   = "front"
  vpc_id = aws_vpc.main.id
}

resource "aws_security_group_rule" "front_in" {
  for_each          = toset(["80", "443"])
  security_group_id = aws_security_group.front.id
  type              = "ingress"
  protocol          = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "front_out" {
  security_group_id        = aws_security_group.front.id
  type                     = "egress"
  protocol                 = "tcp"
  from_port                = 8080
  to_port                  = 8080
  source_security_group_id = aws_security_group.servers.id
}

resource "aws_security_group" "servers" {
  name   = "servers"
  vpc_id = aws_vpc.main.id
  ingress {
    protocol        = "tcp"
    from_port       = 8080
    to_port         = 8080
    security_groups = [aws_security_group.front.id]
  }
}

# A server of each group in each zone, which says who it is.
resource "aws_instance" "server" {
  for_each               = { web-a = 0, web-b = 1, api-a = 0, api-b = 1 }
  ami                    = "ami-0abcdef1234567890"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.private[each.value].id
  vpc_security_group_ids = [aws_security_group.servers.id]
  tags                   = { Name = each.key }
  user_data              = <<-SERVER
    #!/usr/bin/env python3
    import http.server, os, socketserver
    if os.fork():
        os._exit(0)
    os.setsid()
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_GET(self):
            body = b"${each.key} " + self.headers.get("X-Forwarded-Proto", "-").encode() + b"\n"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *arguments):
            pass
    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
    Server(("0.0.0.0", 8080), Handler).serve_forever()
  SERVER
}

resource "aws_lb_target_group" "tier" {
  for_each             = toset(["web", "api"])
  name                 = "three-tier-${each.key}"
  port                 = 8080
  protocol             = "HTTP"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 1

  health_check {
    path                = "/health"
    interval            = 5
    timeout             = 2
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_target_group_attachment" "server" {
  for_each         = aws_instance.server
  target_group_arn = aws_lb_target_group.tier[substr(each.key, 0, 3)].arn
  target_id        = each.value.id
}

# Certificates that records in the domain's zone prove.
resource "aws_route53_zone" "main" {
  name          = "example.com"
  force_destroy = true
}

resource "aws_acm_certificate" "site" {
  for_each          = toset(["shop.example.com", "api.example.com"])
  domain_name       = each.key
  validation_method = "DNS"
}

resource "aws_route53_record" "proof" {
  for_each = aws_acm_certificate.site
  zone_id  = aws_route53_zone.main.zone_id
  name     = tolist(each.value.domain_validation_options)[0].resource_record_name
  type     = tolist(each.value.domain_validation_options)[0].resource_record_type
  records  = [tolist(each.value.domain_validation_options)[0].resource_record_value]
  ttl      = 60
}

resource "aws_acm_certificate_validation" "site" {
  for_each                = aws_acm_certificate.site
  certificate_arn         = each.value.arn
  validation_record_fqdns = [aws_route53_record.proof[each.key].fqdn]
}

resource "aws_lb" "front" {
  name               = "three-tier"
  load_balancer_type = "application"
  security_groups    = [aws_security_group.front.id]
  subnets            = aws_subnet.public[*].id
  depends_on         = [aws_route_table_association.public]
}

# HTTP leads to HTTPS; each name has its certificate.
resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.front.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.front.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-FS-1-2-Res-2020-10"
  certificate_arn   = aws_acm_certificate_validation.site["shop.example.com"].certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.tier["web"].arn
  }
}

resource "aws_lb_listener_certificate" "api" {
  listener_arn    = aws_lb_listener.https.arn
  certificate_arn = aws_acm_certificate_validation.site["api.example.com"].certificate_arn
}

resource "aws_lb_listener_rule" "api" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.tier["api"].arn
        weight = 1
      }
      target_group {
        arn    = aws_lb_target_group.tier["web"].arn
        weight = var.changed ? 0 : 1
      }
    }
  }

  condition {
    path_pattern {
      values = ["/api/*"]
    }
  }
}

resource "aws_lb_listener_rule" "closed" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 20

  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "closed"
      status_code  = "403"
    }
  }

  condition {
    host_header {
      values = ["api.example.com"]
    }
  }
  condition {
    http_header {
      http_header_name = "X-Closed"
      values           = ["yes"]
    }
  }
}

resource "aws_route53_record" "site" {
  for_each = toset(["shop", "api"])
  zone_id  = aws_route53_zone.main.zone_id
  name     = each.key
  type     = "A"

  alias {
    name                   = aws_lb.front.dns_name
    zone_id                = aws_lb.front.zone_id
    evaluate_target_health = true
  }
}

output "name" {
  value = aws_lb.front.dns_name
}

output "target_groups" {
  value = [for group in aws_lb_target_group.tier : group.arn]
}
