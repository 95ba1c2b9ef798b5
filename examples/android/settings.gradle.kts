// Two apps on one runtime. `dist` is the folder that build-runtime wrote: README.md tells how.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}
dependencyResolutionManagement {
    repositories {
        maven { url = uri("dist/maven") }
        google()
        mavenCentral()
    }
}
rootProject.name = "classification"
include(":image", ":text")
