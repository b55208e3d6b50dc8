# Load balancers of both kinds with all that belongs to them.
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  count             = 3
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = element(["us-east-1a", "us-east-1b", "us-east-1c"], count.index)
  depends_on        = [aws_internet_gateway.main]
}

resource "aws_security_group" "web" {
  vpc_id = aws_vpc.main.id
  ingress {
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_instance" "web" {
  ami           = "ami-0123456789abcdef0"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.public[0].id
}

resource "aws_lb" "web" {
  name                       = "web"
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.web.id]
  subnets                    = var.changed ? aws_subnet.public[*].id : slice(aws_subnet.public[*].id, 0, 2)
  idle_timeout               = var.changed ? 120 : 60
  drop_invalid_header_fields = true
  enable_http2               = true
  tags                       = { Name = var.changed ? "changed" : "terraform" }
}

resource "aws_lb_target_group" "web" {
  count                         = 2
  name                          = "web-${count.index}"
  port                          = 80
  protocol                      = "HTTP"
  vpc_id                        = aws_vpc.main.id
  deregistration_delay          = 1
  load_balancing_algorithm_type = var.changed ? "least_outstanding_requests" : "round_robin"
  tags                          = { Name = "terraform" }

  health_check {
    path                = var.changed ? "/ready" : "/health"
    interval            = 10
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
    matcher             = "200-299"
  }

  stickiness {
    type            = "lb_cookie"
    cookie_duration = 3600
    enabled         = var.changed
  }
}

resource "aws_lb_target_group_attachment" "web" {
  target_group_arn = aws_lb_target_group.web[0].arn
  target_id        = aws_instance.web.id
  port             = 8080
}

resource "aws_lb_listener" "web" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web[0].arn
  }
}

resource "aws_lb_listener" "redirect" {
  load_balancer_arn = aws_lb.web.arn
  port              = 8080
  protocol          = "HTTP"

  default_action {
    type = "redirect"
    redirect {
      port        = var.changed ? "8443" : "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener_rule" "weighted" {
  listener_arn = aws_lb_listener.web.arn
  priority     = var.changed ? 11 : 10

  action {
    type = "forward"
    forward {
      dynamic "target_group" {
        for_each = aws_lb_target_group.web
        content {
          arn    = target_group.value.arn
          weight = var.changed ? 1 : 2
        }
      }
      stickiness {
        enabled  = true
        duration = 600
      }
    }
  }

  condition {
    path_pattern {
      values = ["/api/*"]
    }
  }
  condition {
    http_header {
      http_header_name = "X-Version"
      values           = var.changed ? ["2"] : ["1"]
    }
  }
}

resource "aws_lb_listener_rule" "fixed" {
  listener_arn = aws_lb_listener.web.arn
  priority     = 20

  action {
    type = "fixed-response"
    fixed_response {
      content_type = "text/plain"
      message_body = "closed"
      status_code  = "503"
    }
  }

  condition {
    host_header {
      values = ["closed.example.com"]
    }
  }
  condition {
    query_string {
      key   = "health"
      value = "check"
    }
  }
  condition {
    http_request_method {
      values = ["GET", "HEAD"]
    }
  }
  condition {
    source_ip {
      values = ["10.0.0.0/8"]
    }
  }
}

resource "aws_eip" "net" {
  vpc = true
}

resource "aws_lb" "net" {
  name                             = "net"
  load_balancer_type               = "network"
  enable_cross_zone_load_balancing = var.changed

  subnet_mapping {
    subnet_id     = aws_subnet.public[0].id
    allocation_id = aws_eip.net.id
  }
}

resource "aws_lb_target_group" "net" {
  name                 = "net"
  port                 = 53
  protocol             = "TCP_UDP"
  vpc_id               = aws_vpc.main.id
  target_type          = "ip"
  deregistration_delay = var.changed ? 2 : 1

  health_check {
    protocol = "TCP"
    port     = 53
  }
}

resource "aws_lb_target_group_attachment" "net" {
  target_group_arn = aws_lb_target_group.net.arn
  target_id        = aws_instance.web.private_ip
}

resource "aws_lb_listener" "net" {
  load_balancer_arn = aws_lb.net.arn
  port              = 53
  protocol          = "TCP_UDP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.net.arn
  }
}

data "aws_lb" "web" {
  name       = aws_lb.web.name
  depends_on = [aws_lb.web]
}

data "aws_lb_target_group" "web" {
  name       = aws_lb_target_group.web[0].name
  depends_on = [aws_lb_target_group.web]
}

data "aws_lb_listener" "web" {
  load_balancer_arn = aws_lb.web.arn
  port              = aws_lb_listener.web.port
}

output "wrong" {
  value = [
    for name, right in {
      load_balancer = data.aws_lb.web.arn == aws_lb.web.arn && data.aws_lb.web.zone_id == "Z35SXDOTRQ7X7K"
      target_group  = data.aws_lb_target_group.web.arn == aws_lb_target_group.web[0].arn
      listener      = data.aws_lb_listener.web.arn == aws_lb_listener.web.arn
    } : name if !right
  ]
}
