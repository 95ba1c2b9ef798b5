plugins {
    id("com.android.application")
}

val group = providers.gradleProperty("runtime.group").get()
val release = providers.gradleProperty("runtime.version").get()

android {
    namespace = "com.example.image"
    compileSdk = 35
    defaultConfig {
        minSdk = 24
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
    }
    sourceSets["main"].java.srcDir("../common/java")
    // models are read as they lie in the app
    androidResources { noCompress += "ptl" }
}

// a build leaves the models of both apps in one folder
abstract class TakeModel : DefaultTask() {
    @get:InputFile
    abstract val model: RegularFileProperty

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @TaskAction
    fun take() {
        val file = model.get().asFile
        file.copyTo(assets.get().asFile.resolve(file.name), overwrite = true)
    }
}

androidComponents {
    onVariants { variant ->
        val taking = tasks.register<TakeModel>("${variant.name}TakeModel") {
            model.set(layout.projectDirectory.file("../dist/models/colours.ptl"))
        }
        variant.sources.assets?.addGeneratedSourceDirectory(taking, TakeModel::assets)
    }
}

dependencies {
    implementation("$group:pytorch_android_torchvision_lite:$release")
    implementation("androidx.activity:activity:1.9.3")
    implementation("androidx.camera:camera-camera2:1.4.1")
    implementation("androidx.camera:camera-lifecycle:1.4.1")
    implementation("androidx.camera:camera-view:1.4.1")
}
