# A bucket for the access logs of load balancers, with its policy, tags and objects, and what finds them.
data "aws_elb_service_account" "main" {}

resource "aws_s3_bucket" "logs" {
  bucket        = "terraform-${var.account}-logs"
  force_destroy = true
  tags          = var.changed ? { Name = "logs", Owner = "network" } : { Name = "logs" }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = data.aws_elb_service_account.main.arn }
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.logs.arn}/${var.changed ? "other" : "web"}/AWSLogs/*"
    }]
  })
}

resource "aws_s3_bucket_object" "note" {
  bucket       = aws_s3_bucket.logs.id
  key          = "notes/read me.txt"
  content      = var.changed ? "changed" : "first"
  content_type = "text/plain"
  metadata     = { colour = "blue" }
}

data "aws_s3_bucket" "logs" {
  bucket = aws_s3_bucket.logs.id
}

data "aws_s3_bucket_object" "note" {
  bucket = aws_s3_bucket.logs.id
  key    = aws_s3_bucket_object.note.key
}

output "wrong" {
  value = [for answer in [
    data.aws_s3_bucket.logs.region == "us-east-1" ? "" : "the region is ${data.aws_s3_bucket.logs.region}",
    data.aws_s3_bucket_object.note.metadata["Colour"] == "blue" ? "" : "the metadata is lost",
    data.aws_s3_bucket_object.note.etag == aws_s3_bucket_object.note.etag ? "" : "the tags differ",
  ] : answer if answer != ""]
}
