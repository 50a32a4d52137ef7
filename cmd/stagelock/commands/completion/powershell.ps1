# PowerShell completion of stagelock: stagelock completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName stagelock -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($wordToComplete -and -not $wordToComplete.StartsWith('-') -and $words.Count -gt 0) {
        $words = @($words | Select-Object -SkipLast 1)
    }
    stagelock @words --generate-bash-completion 2>$null | ForEach-Object {
        $value = ($_ -split ':')[0]
        if ($value.StartsWith($wordToComplete)) {
            [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $_)
        }
    }
}
