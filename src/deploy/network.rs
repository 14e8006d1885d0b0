//! Defines endpoints through which functions in a VPC reach AWS, so that the VPC needs no NAT gateway. Log lines need
//! no endpoint: Lambda sends them from outside of the VPC.

use serde_json::{Value, json};

use super::{
    fleet::Fleet,
    names::{logical, text},
    settings::Vpc,
    template::Template,
};

/// Services reached by an interface in each subnet, which is billed by the hour.
const INTERFACES: [&str; 3] = ["lambda", "scheduler", "sqs"];

/// Services reached by a route, which is free.
const GATEWAYS: [&str; 2] = ["dynamodb", "s3"];

const SECURITY_GROUP: &str = "EndpointSecurityGroup";

pub(super) fn add(template: &mut Template, fleet: &Fleet<'_>) {
    let Some(vpc) = fleet.settings.vpc.as_ref().filter(|vpc| vpc.endpoints) else { return };
    add_security_group(template, fleet, vpc);
    for service in INTERFACES.into_iter().chain(fleet.keepers()) {
        let properties = json!({
            "VpcEndpointType": "Interface",
            "VpcId": vpc.id,
            "ServiceName": service_name(service),
            "SubnetIds": vpc.subnets,
            "SecurityGroupIds": [{ "Fn::GetAtt": [SECURITY_GROUP, "GroupId"] }],
            "PrivateDnsEnabled": true,
        });
        template.add(logical("Endpoint", service), "AWS::EC2::VPCEndpoint", properties);
    }
    for service in GATEWAYS {
        let properties = json!({
            "VpcEndpointType": "Gateway",
            "VpcId": vpc.id,
            "ServiceName": service_name(service),
            "RouteTableIds": vpc.route_tables,
        });
        template.add(logical("Endpoint", service), "AWS::EC2::VPCEndpoint", properties);
    }
}

fn add_security_group(template: &mut Template, fleet: &Fleet<'_>, vpc: &Vpc) {
    let ingress = |group: &String| {
        json!({
            "Description": "HTTPS from the functions",
            "IpProtocol": "tcp",
            "FromPort": 443,
            "ToPort": 443,
            "SourceSecurityGroupId": group,
        })
    };
    let ingress: Vec<Value> = vpc.security_groups.iter().map(ingress).collect();
    let properties = json!({
        "GroupDescription": format!("Endpoints of Celeriac stack {}", fleet.stack),
        "VpcId": vpc.id,
        "SecurityGroupIngress": ingress,
    });
    template.add(SECURITY_GROUP, "AWS::EC2::SecurityGroup", properties);
}

fn service_name(service: &str) -> Value {
    text(format!("com.amazonaws.${{AWS::Region}}.{service}"))
}
