# Certificates: one that records in Route 53 prove, one that is imported, and what finds them.
resource "aws_route53_zone" "main" {
  name          = "example.com"
  force_destroy = true
}

resource "aws_acm_certificate" "requested" {
  domain_name               = "example.com"
  subject_alternative_names = ["*.example.com", "shop.example.com"]
  validation_method         = "DNS"
  tags                      = var.changed ? { Name = "web", Owner = "shop" } : { Name = "web" }

  options {
    certificate_transparency_logging_preference = "DISABLED"
  }

  lifecycle {
    create_before_destroy = true
  }
}

# A domain and its wildcard have the same record.
resource "aws_route53_record" "proof" {
  for_each = {
    for option in aws_acm_certificate.requested.domain_validation_options : option.domain_name => {
      name  = option.resource_record_name
      type  = option.resource_record_type
      value = option.resource_record_value
    }
  }
  zone_id         = aws_route53_zone.main.zone_id
  name            = each.value.name
  type            = each.value.type
  records         = [each.value.value]
  ttl             = 60
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "requested" {
  certificate_arn         = aws_acm_certificate.requested.arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}

resource "aws_acm_certificate" "imported" {
  certificate_body = var.changed ? local.second : local.first
  private_key      = local.key
  tags             = { Name = "imported" }
}

data "aws_acm_certificate" "issued" {
  domain      = "example.com"
  statuses    = ["ISSUED"]
  most_recent = true
  depends_on  = [aws_acm_certificate_validation.requested]
}

data "aws_acm_certificate" "imported" {
  domain     = "imported.example.com"
  types      = ["IMPORTED"]
  key_types  = ["EC_prime256v1"]
  depends_on = [aws_acm_certificate.imported]
}

output "wrong" {
  value = concat(
    data.aws_acm_certificate.issued.arn == aws_acm_certificate_validation.requested.certificate_arn ? [] : ["issued"],
    data.aws_acm_certificate.imported.arn == aws_acm_certificate.imported.arn ? [] : ["imported"],
    length(aws_acm_certificate.requested.domain_validation_options) == 3 ? [] : ["three domains"],
  )
}

# Made for this test, trusted by nobody.
locals {
  key    = <<-PEM
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+uuxAoe9GOQNb6kb
    AmvXuhchqLmwYGwaolFASOFEZnKhRANCAAREsdLtGHOz/IhMVI0ZnVRcMBzr3Bi/
    9sd4wjOJ5IZ7HON1y3tIztV8QZ/v7dziODgCBc2JuQFHTGXXiYbqVTha
    -----END PRIVATE KEY-----
  PEM
  first  = <<-PEM
    -----BEGIN CERTIFICATE-----
    MIIB1zCCAXygAwIBAgIUAlMguqHCDfyOOjSLePlm4P5TStYwCgYIKoZIzj0EAwIw
    LzEOMAwGA1UECgwFVGVzdHMxHTAbBgNVBAMMFGltcG9ydGVkLmV4YW1wbGUuY29t
    MCAXDTI2MTEyOTAyMzQxOVoYDzIxMjYxMTA1MDIzNDE5WjAvMQ4wDAYDVQQKDAVU
    ZXN0czEdMBsGA1UEAwwUaW1wb3J0ZWQuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIB
    BggqhkjOPQMBBwNCAAREsdLtGHOz/IhMVI0ZnVRcMBzr3Bi/9sd4wjOJ5IZ7HON1
    y3tIztV8QZ/v7dziODgCBc2JuQFHTGXXiYbqVThao3QwcjAdBgNVHQ4EFgQUmW1R
    pZIz9y8LtDTIBvdqoALWgSMwHwYDVR0jBBgwFoAUmW1RpZIz9y8LtDTIBvdqoALW
    gSMwDwYDVR0TAQH/BAUwAwEB/zAfBgNVHREEGDAWghRpbXBvcnRlZC5leGFtcGxl
    LmNvbTAKBggqhkjOPQQDAgNJADBGAiEAx4dk5k2dTEGqM6QddBg0N1LjLjDreyny
    dXCtOwtw3YkCIQD4AJnCYowUvwxZdm2qtIVOXc3A2mANBp9z3FvmaRidag==
    -----END CERTIFICATE-----
  PEM
  second = <<-PEM
    -----BEGIN CERTIFICATE-----
    MIIB8jCCAZigAwIBAgIUMZyfyJntGW0ND21xFSUFVIP2oWQwCgYIKoZIzj0EAwIw
    LzEOMAwGA1UECgwFVGVzdHMxHTAbBgNVBAMMFGltcG9ydGVkLmV4YW1wbGUuY29t
    MCAXDTI2MTEyOTAyMzQxOVoYDzIxMjYxMTA1MDIzNDE5WjAvMQ4wDAYDVQQKDAVU
    ZXN0czEdMBsGA1UEAwwUaW1wb3J0ZWQuZXhhbXBsZS5jb20wWTATBgcqhkjOPQIB
    BggqhkjOPQMBBwNCAAREsdLtGHOz/IhMVI0ZnVRcMBzr3Bi/9sd4wjOJ5IZ7HON1
    y3tIztV8QZ/v7dziODgCBc2JuQFHTGXXiYbqVThao4GPMIGMMB0GA1UdDgQWBBSZ
    bVGlkjP3Lwu0NMgG92qgAtaBIzAfBgNVHSMEGDAWgBSZbVGlkjP3Lwu0NMgG92qg
    AtaBIzAPBgNVHRMBAf8EBTADAQH/MDkGA1UdEQQyMDCCFGltcG9ydGVkLmV4YW1w
    bGUuY29tghh3d3cuaW1wb3J0ZWQuZXhhbXBsZS5jb20wCgYIKoZIzj0EAwIDSAAw
    RQIgY4Blsk9qJkpzfX5tDkFpAgVArvY4Qw6btZUzVZni2LECIQDAOUCHx0geNPZ9
    M3ALJmgD9ViVNCg0urr4jQAlCVgfcg==
    -----END CERTIFICATE-----
  PEM
}
