# Instances: volumes, user data, a changed type, key pairs; and the default VPC that they start in.
resource "aws_default_vpc" "main" {
  tags = { Name = "default" }
}

resource "aws_default_subnet" "a" {
  availability_zone       = "us-east-1a"
  map_public_ip_on_launch = true
  tags                    = { Name = "default a" }
}

resource "aws_key_pair" "rsa" {
  key_name_prefix = "rsa-"
  public_key      = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCvKqGPUx1vtZfMJuFjjVU6i3Qd5PTDXlPgYOMEkAwdR3MbN35D8jQvGMYHeCIpTPZpPGrxTQdAfWJlNsPbYX5DW2Z1ZAXJhiGIqGb1LcdhXWYcGNzRrD1DO8ySxWN4G3dMhw5Lr6pzXQe0H8ZHKRQe8pqxB+nnCk6aQ5Ey2CUoqBL1GkGoJrCFhBf9uJ7Wxv0Do1uWUH9cD4QdVnVqLmZv1hRpWzwMkxWdnV4kFaBIsyTRbqOZ7xbb8Z6C8ZSJx1uuxMZNnIY1J0kWQKyoDVbDGAfGFfYJ8JB3LlIXDDXLh6RBgWwHcbd4YtjLIpS5kfHDOQPo3BsvRYEmQvS2uv0T user@example"
  tags            = { Name = var.changed ? "two" : "one" }
}

data "aws_ami" "amazon_linux" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["al2023-ami-2023.*-x86_64"]
  }
}

resource "aws_instance" "plain" {
  count         = 2
  ami           = data.aws_ami.amazon_linux.id
  instance_type = "t3.nano"
  subnet_id     = aws_default_subnet.a.id
  tags          = { Name = "plain-${count.index}" }
  volume_tags   = { Of = "plain" }
}

resource "aws_instance" "full" {
  ami                                  = data.aws_ami.amazon_linux.id
  instance_type                        = var.changed ? "t3.large" : "t3.micro"
  availability_zone                    = "us-east-1b"
  key_name                             = aws_key_pair.rsa.key_name
  monitoring                           = var.changed
  ebs_optimized                        = true
  disable_api_termination              = false
  instance_initiated_shutdown_behavior = "terminate"
  associate_public_ip_address          = true
  user_data_base64                     = base64encode("#!/bin/sh\ntrue\n")

  root_block_device {
    volume_size           = 20
    volume_type           = "gp3"
    encrypted             = true
    delete_on_termination = true
    tags                  = { Name = "root" }
  }

  ebs_block_device {
    device_name = "/dev/sdf"
    volume_size = 5
    volume_type = "io1"
    iops        = 100
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = var.changed ? "required" : "optional"
    http_put_response_hop_limit = 2
  }

  credit_specification {
    cpu_credits = var.changed ? "unlimited" : "standard"
  }

  tags = { Name = var.changed ? "two" : "one" }
}

resource "aws_eip" "plain" {
  count    = 2
  instance = aws_instance.plain[count.index].id
  vpc      = true
}
