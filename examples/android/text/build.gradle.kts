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
            model.set(layout.projectDirectory.file("../dist/models/sentences.ptl"))
        }
        variant.sources.assets?.addGeneratedSourceDirectory(taking, TakeModel::assets)
    }
}

dependencies {
    implementation("$group:pytorch_android_lite:$release")
}
