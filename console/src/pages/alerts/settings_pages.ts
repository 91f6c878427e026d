/** What the routes of rules, channels and deliveries show. */
export { ChannelList } from "./ChannelList";
export { ChannelPage } from "./ChannelPage";
export { DeliveryList } from "./DeliveryList";
export { DeliveryPage } from "./DeliveryPage";
export { EditChannel, NewChannel } from "./EditChannel";
export { EditRule, NewRule } from "./EditRule";
export { RuleList } from "./RuleList";
export { RulePage } from "./RulePage";
