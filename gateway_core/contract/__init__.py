"""What Envoy and the services must agree on. Each name, format and shape is defined once, here.

The services and `megarouter_envoy` import these modules. `python -m tools.module_contract` generates
`envoy/module/contract.zig` from them. They import only the standard library and the pure part of this package.
"""
