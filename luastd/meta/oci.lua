---@meta
--- Types of config.json. Source: OCI runtime-spec 1.2, config.md and config-linux.md; members
--- that no module of luastd reads are left out.

---@class oci.Config
---@field ociVersion string
---@field process? oci.Process
---@field root? oci.Root
---@field hostname? string
---@field domainname? string
---@field mounts? oci.Mount[]
---@field hooks? table<oci.HookKind, oci.Hook[]>
---@field annotations? table<string, string>
---@field linux? oci.Linux

---@class oci.Root
---@field path string relative to the bundle, or absolute
---@field readonly? boolean

---@class oci.Process
---@field terminal? boolean
---@field user? oci.User
---@field args? string[]
---@field env? string[]
---@field cwd string
---@field rlimits? { type: string, hard: integer, soft: integer }[]
---@field oomScoreAdj? integer
---@field apparmorProfile? string
---@field selinuxLabel? string

---@class oci.User
---@field uid? integer
---@field gid? integer
---@field additionalGids? integer[]

---@class oci.Mount
---@field destination string
---@field type? string
---@field source? string
---@field options? string[]
---@field uidMappings? oci.IdMapping[]
---@field gidMappings? oci.IdMapping[]

---@alias oci.HookKind
---| 'prestart' # deprecated since 1.0.2, and what engines still use
---| 'createRuntime'
---| 'createContainer'
---| 'startContainer'
---| 'poststart'
---| 'poststop'

---@class oci.Hook
---@field path string
---@field args? string[]
---@field env? string[]
---@field timeout? integer seconds

---@class oci.Linux
---@field namespaces? oci.Namespace[]
---@field uidMappings? oci.IdMapping[]
---@field gidMappings? oci.IdMapping[]
---@field devices? { type: string, path: string, major?: integer, minor?: integer }[]
---@field cgroupsPath? string
---@field resources? table<string, any>
---@field intelRdt? table<string, any>
---@field sysctl? table<string, string>
---@field seccomp? { defaultAction: string, listenerPath?: string }
---@field mountLabel? string

---@alias oci.NamespaceType
---| 'pid'
---| 'network'
---| 'mount'
---| 'ipc'
---| 'uts'
---| 'user'
---| 'cgroup'
---| 'time'

---@class oci.Namespace
---@field type oci.NamespaceType
---@field path? string of a namespace to join

---@class oci.IdMapping
---@field containerID integer
---@field hostID integer
---@field size integer
