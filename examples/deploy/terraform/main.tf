# The stack `prod` of the tasks of shop, deployed by Terraform. Before `terraform apply`:
#
#     shop deploy package --binary target/lambda/shop/bootstrap --out function.zip
#     shop deploy template --store aws:prod > celeriac.json

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "code_bucket" {
  description = "The bucket that holds the zip and the template"
  type        = string
}

variable "web_role" {
  description = "The role of a program that sends calls"
  type        = string
}

# Under a key that follows from its content: under an old one, CloudFormation does not see that the code has changed.
resource "aws_s3_object" "code" {
  bucket = var.code_bucket
  key    = "shop-${filesha256("function.zip")}.zip"
  source = "function.zip"
}

# As text within the request, a template may have 51,200 bytes.
resource "aws_s3_object" "template" {
  bucket = var.code_bucket
  key    = "shop-${filesha256("celeriac.json")}.json"
  source = "celeriac.json"
}

data "aws_s3_bucket" "code" {
  bucket = var.code_bucket
}

resource "aws_cloudformation_stack" "tasks" {
  name         = "prod"
  template_url = "https://${data.aws_s3_bucket.code.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_NAMED_IAM"]

  parameters = {
    CodeBucket = var.code_bucket
    CodeKey    = aws_s3_object.code.key
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_iam_role_policy_attachment" "web" {
  role       = var.web_role
  policy_arn = aws_cloudformation_stack.tasks.outputs["SendPolicyArn"]
}

output "celeriac_store" {
  description = "CELERIAC_STORE in the environment of programs that send calls"
  value       = aws_cloudformation_stack.tasks.outputs["CeleriacStore"]
}
