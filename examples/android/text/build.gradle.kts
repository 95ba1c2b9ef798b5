plugins {
    id("com.android.application")
}

val group = providers.gradleProperty("runtime.group").get()
val release = providers.gradleProperty("runtime.version").get()

android {
    namespace = "com.example.text"
    compileSdk = 35
    defaultConfig {
        minSdk = 24
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
    }
    sourceSets["main"].java.srcDir("../common/java")
    sourceSets["main"].assets.srcDir("../dist/models")
    // models are read as they lie in the app
    androidResources { noCompress += "ptl" }
}

dependencies {
    implementation("$group:pytorch_android_lite:$release")
}
