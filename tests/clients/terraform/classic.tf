# Classic Load Balancers with all that belongs to them.
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  cidr_block        = "10.0.${count.index}.0/24"
  availability_zone = element(["us-east-1a", "us-east-1b"], count.index)
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
  count         = 2
  ami           = "ami-0123456789abcdef0"
  instance_type = "t3.micro"
  subnet_id     = aws_subnet.public[count.index].id
}

resource "aws_elb" "web" {
  name                        = "classic-web"
  subnets                     = var.changed ? aws_subnet.public[*].id : [aws_subnet.public[0].id]
  security_groups             = [aws_security_group.web.id]
  instances                   = [aws_instance.web[0].id]
  cross_zone_load_balancing   = var.changed
  idle_timeout                = var.changed ? 120 : 60
  connection_draining         = var.changed
  connection_draining_timeout = 30
  tags                        = { Name = var.changed ? "changed" : "terraform" }

  listener {
    instance_port     = 8080
    instance_protocol = "http"
    lb_port           = 80
    lb_protocol       = "http"
  }

  listener {
    instance_port     = var.changed ? 2222 : 22
    instance_protocol = "tcp"
    lb_port           = 22
    lb_protocol       = "tcp"
  }

  health_check {
    target              = var.changed ? "HTTP:8080/ready" : "TCP:8080"
    interval            = 10
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_elb" "inside" {
  name     = "classic-inside"
  internal = true
  subnets  = aws_subnet.public[*].id

  listener {
    instance_port     = 8080
    instance_protocol = "http"
    lb_port           = 80
    lb_protocol       = "http"
  }
}

resource "aws_elb_attachment" "web" {
  elb      = aws_elb.inside.id
  instance = aws_instance.web[1].id
}

resource "aws_app_cookie_stickiness_policy" "web" {
  name          = "app"
  load_balancer = aws_elb.web.name
  lb_port       = 80
  cookie_name   = "SESSION"
}

resource "aws_lb_cookie_stickiness_policy" "inside" {
  name                     = "lb"
  load_balancer            = aws_elb.inside.id
  lb_port                  = 80
  cookie_expiration_period = 600
}

resource "aws_proxy_protocol_policy" "inside" {
  load_balancer  = aws_elb.inside.name
  instance_ports = ["8080"]
}

data "aws_elb" "web" {
  name = aws_elb.web.name
}

output "wrong" {
  value = concat(
    data.aws_elb.web.dns_name == aws_elb.web.dns_name ? [] : ["name"],
    data.aws_elb.web.zone_id == aws_elb.web.zone_id ? [] : ["zone"],
    aws_elb.web.source_security_group_id == aws_security_group.web.id ? [] : ["source group"],
  )
}
