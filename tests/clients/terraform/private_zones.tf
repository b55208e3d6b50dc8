# Private zones: VPCs of this account and of another, which associates its own once it is authorised.
provider "aws" {
  alias                       = "other"
  region                      = "us-east-1"
  access_key                  = "2${substr(var.account, 1, 11)}"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false

  endpoints {
    ec2     = var.endpoint
    iam     = var.endpoint
    route53 = var.endpoint
    sts     = var.endpoint
  }
}

resource "aws_vpc" "first" {
  cidr_block           = "10.1.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "second" {
  cidr_block           = "10.2.0.0/16"
  enable_dns_hostnames = true
}

resource "aws_vpc" "theirs" {
  provider             = aws.other
  cidr_block           = "10.3.0.0/16"
  enable_dns_hostnames = true
}

# The zone says which VPCs see it.
resource "aws_route53_zone" "listed" {
  name    = "listed.internal"
  comment = "first"

  vpc {
    vpc_id = aws_vpc.first.id
  }

  dynamic "vpc" {
    for_each = var.changed ? [aws_vpc.second.id] : []
    content {
      vpc_id = vpc.value
    }
  }
}

# Associations of their own say so.
resource "aws_route53_zone" "associated" {
  name = "associated.internal"

  vpc {
    vpc_id = aws_vpc.first.id
  }

  lifecycle {
    ignore_changes = [vpc]
  }
}

resource "aws_route53_zone_association" "second" {
  zone_id = aws_route53_zone.associated.zone_id
  vpc_id  = aws_vpc.second.id
}

resource "aws_route53_vpc_association_authorization" "theirs" {
  zone_id = aws_route53_zone.associated.zone_id
  vpc_id  = aws_vpc.theirs.id
}

resource "aws_route53_zone_association" "theirs" {
  provider = aws.other
  zone_id  = aws_route53_vpc_association_authorization.theirs.zone_id
  vpc_id   = aws_route53_vpc_association_authorization.theirs.vpc_id
}

# A public zone and a private one of the same name, which answer differently.
resource "aws_route53_zone" "outside" {
  name = "split.example.net"
}

resource "aws_route53_zone" "inside" {
  name = "split.example.net"

  vpc {
    vpc_id = aws_vpc.first.id
  }
}

resource "aws_route53_record" "outside" {
  zone_id = aws_route53_zone.outside.zone_id
  name    = "www.split.example.net"
  type    = "A"
  ttl     = 60
  records = ["192.0.2.1"]
}

resource "aws_route53_record" "inside" {
  zone_id = aws_route53_zone.inside.zone_id
  name    = "www.split.example.net"
  type    = "A"
  ttl     = 60
  records = [var.changed ? "10.1.0.11" : "10.1.0.10"]
}

data "aws_route53_zone" "inside" {
  name         = "split.example.net"
  private_zone = true
  vpc_id       = aws_vpc.first.id
  depends_on   = [aws_route53_zone.inside, aws_route53_zone.outside]
}

output "wrong" {
  value = concat(
    data.aws_route53_zone.inside.zone_id == aws_route53_zone.inside.zone_id ? [] : ["private zone by name"],
    aws_route53_zone_association.theirs.owning_account == var.account ? [] : ["the zone's owner"],
    length(aws_route53_zone.outside.name_servers) == 4 ? [] : ["name servers"],
  )
}
