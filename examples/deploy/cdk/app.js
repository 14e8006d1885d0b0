// The stack `prod` of the tasks of shop, within a CDK app. Before `cdk deploy`:
//
//     shop deploy package --binary target/lambda/shop/bootstrap --out function.zip
//     shop deploy template --store aws:prod > celeriac.json

const { App, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");
const { ManagedPolicy, Role, ServicePrincipal } = require("aws-cdk-lib/aws-iam");
const { Asset } = require("aws-cdk-lib/aws-s3-assets");

class Shop extends Stack {
    constructor(scope, id, props) {
        super(scope, id, props);
        // CDK uploads the zip, under a key that follows from its content.
        const code = new Asset(this, "Code", { path: "function.zip" });
        const tasks = new CfnInclude(this, "Tasks", {
            templateFile: "celeriac.json",
            parameters: { CodeBucket: code.s3BucketName, CodeKey: code.s3ObjectKey },
        });
        // For each program that sends calls: this policy, and `CELERIAC_STORE=aws:prod` in its environment.
        const policy = tasks.getResource("SendPolicy").ref;
        new Role(this, "Web", {
            assumedBy: new ServicePrincipal("ecs-tasks.amazonaws.com"),
            managedPolicies: [ManagedPolicy.fromManagedPolicyArn(this, "Send", policy)],
        });
    }
}

new Shop(new App(), "prod");
