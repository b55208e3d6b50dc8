# What all configurations share. Each runs in an account of its own, so they do not see each other.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "3.39.0"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "account" {
  type        = string
  description = "An access key of twelve digits is an account."
}

variable "changed" {
  type        = bool
  default     = false
  description = "Whether this is the second apply, which changes something of everything that can change in place."
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = var.account
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = false
  s3_force_path_style         = true

  endpoints {
    acm             = var.endpoint
    cloudwatchlogs  = var.endpoint
    ec2             = var.endpoint
    elb             = var.endpoint
    iam             = var.endpoint
    route53         = var.endpoint
    route53resolver = var.endpoint
    s3              = var.endpoint
    sts             = var.endpoint
  }
}
