package bmc

// The resources that hardly change, with {names} of what does.

const serviceRoot = `{"@odata.id":"{root}","@odata.type":"#ServiceRoot.v1_9_0.ServiceRoot","Id":"RootService","Name":"Root Service",
"RedfishVersion":"1.11.0","UUID":"{uuid}","Vendor":"Drover","Product":"{model}",
"Systems":{"@odata.id":"{root}/Systems"},"Chassis":{"@odata.id":"{root}/Chassis"},"Managers":{"@odata.id":"{root}/Managers"},
"AccountService":{"@odata.id":"{root}/AccountService"},"SessionService":{"@odata.id":"{root}/SessionService"},
"EventService":{"@odata.id":"{root}/EventService"},"Tasks":{"@odata.id":"{root}/Tasks"},"UpdateService":{"@odata.id":"{root}/UpdateService"},
"Registries":{"@odata.id":"{root}/Registries"},"JsonSchemas":{"@odata.id":"{root}/JsonSchemas"},
"Links":{"Sessions":{"@odata.id":"{root}/SessionService/Sessions"}}}`

const systemText = `{"@odata.id":"{path}","@odata.type":"#ComputerSystem.v1_13_0.ComputerSystem","Id":"{id}","Name":"{id}",
"SystemType":"Physical","Manufacturer":"{manufacturer}","Model":"{model}","SerialNumber":"{serial}","PartNumber":"{model}","UUID":"{uuid}",
"BiosVersion":"{bios}","PowerState":"{power}","Status":{"State":"{status}","Health":"OK"},
"ProcessorSummary":{"Count":1,"Model":"{processor}"},"MemorySummary":{"TotalSystemMemoryGiB":{memory}},
"Boot":{"BootSourceOverrideEnabled":"{enabled}","BootSourceOverrideTarget":"{target}",
"BootSourceOverrideEnabled@Redfish.AllowableValues":["Disabled","Once","Continuous"],
"BootSourceOverrideTarget@Redfish.AllowableValues":["None","Pxe","Hdd"]},
"EthernetInterfaces":{"@odata.id":"{path}/EthernetInterfaces"},"Processors":{"@odata.id":"{path}/Processors"},"Memory":{"@odata.id":"{path}/Memory"},
"LogServices":{"@odata.id":"{path}/LogServices"},
"Links":{"Chassis":[{"@odata.id":"{root}/Chassis/Enclosure"}],"ManagedBy":[{"@odata.id":"{root}/Managers/BMC"}]},
"Actions":{"#ComputerSystem.Reset":{"target":"{path}/Actions/ComputerSystem.Reset",
"ResetType@Redfish.AllowableValues":["On","ForceOff","GracefulShutdown","GracefulRestart","ForceRestart"]}}}`

var services = map[string]string{
	"/Chassis/Enclosure": `{"@odata.id":"{root}/Chassis/Enclosure","@odata.type":"#Chassis.v1_14_0.Chassis","Id":"Enclosure","Name":"Enclosure",
"ChassisType":"RackMount","Manufacturer":"Drover","Model":"{model} enclosure","SerialNumber":"EN{serial}","PowerState":"On",
"Status":{"State":"Enabled","Health":"OK"},"Links":{"ComputerSystems":{systems},"ManagedBy":[{"@odata.id":"{root}/Managers/BMC"}]}}`,

	"/Managers/BMC": `{"@odata.id":"{root}/Managers/BMC","@odata.type":"#Manager.v1_10_0.Manager","Id":"BMC","Name":"BMC","ManagerType":"BMC",
"Manufacturer":"Drover","Model":"{model}","SerialNumber":"MC{serial}","FirmwareVersion":"1","UUID":"{uuid}","ServiceEntryPointUUID":"{uuid}","PowerState":"On",
"Status":{"State":"Enabled","Health":"OK"},"EthernetInterfaces":{"@odata.id":"{root}/Managers/BMC/EthernetInterfaces"},
"Links":{"ManagerForServers":{systems},"ManagerForChassis":[{"@odata.id":"{root}/Chassis/Enclosure"}]},
"Actions":{"#Manager.Reset":{"target":"{root}/Managers/BMC/Actions/Manager.Reset","ResetType@Redfish.AllowableValues":["GracefulRestart","ForceRestart"]}}}`,

	"/AccountService": `{"@odata.id":"{root}/AccountService","@odata.type":"#AccountService.v1_8_0.AccountService","Id":"AccountService","Name":"Account Service",
"ServiceEnabled":true,"Accounts":{"@odata.id":"{root}/AccountService/Accounts"},"Status":{"State":"Enabled","Health":"OK"}}`,

	"/SessionService": `{"@odata.id":"{root}/SessionService","@odata.type":"#SessionService.v1_1_8.SessionService","Id":"SessionService","Name":"Session Service",
"ServiceEnabled":true,"SessionTimeout":1800,"Sessions":{"@odata.id":"{root}/SessionService/Sessions"},"Status":{"State":"Enabled","Health":"OK"}}`,

	"/EventService": `{"@odata.id":"{root}/EventService","@odata.type":"#EventService.v1_7_0.EventService","Id":"EventService","Name":"Event Service",
"ServiceEnabled":false,"Subscriptions":{"@odata.id":"{root}/EventService/Subscriptions"},"Status":{"State":"Disabled","Health":"OK"}}`,

	"/Tasks": `{"@odata.id":"{root}/Tasks","@odata.type":"#TaskService.v1_1_5.TaskService","Id":"Tasks","Name":"Task Service",
"ServiceEnabled":false,"Tasks":{"@odata.id":"{root}/Tasks/Tasks"},"Status":{"State":"Disabled","Health":"OK"}}`,

	"/UpdateService": `{"@odata.id":"{root}/UpdateService","@odata.type":"#UpdateService.v1_8_1.UpdateService","Id":"UpdateService","Name":"Update Service",
"ServiceEnabled":false,"Status":{"State":"Disabled","Health":"OK"}}`,

	"/Registries": `{"@odata.id":"{root}/Registries","@odata.type":"#MessageRegistryFileCollection.MessageRegistryFileCollection","Name":"Registries",
"Members@odata.count":0,"Members":[]}`,

	"/JsonSchemas": `{"@odata.id":"{root}/JsonSchemas","@odata.type":"#JsonSchemaFileCollection.JsonSchemaFileCollection","Name":"Schemas",
"Members@odata.count":0,"Members":[]}`,
}
