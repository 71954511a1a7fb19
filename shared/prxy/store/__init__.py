"""What is remembered between calls: one DynamoDB table behind ports named by purpose."""
